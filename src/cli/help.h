#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace vitro::cli {

/// Lays out `--help`: what it does, usage, arguments and options by group, example.
std::shared_ptr<CLI::FormatterBase> make_help_formatter();

}  // namespace vitro::cli
