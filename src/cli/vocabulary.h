#pragma once

#include <string>
#include <string_view>

namespace vitro::cli {

/// What another tool's option is called here: "trtexec's --saveEngine is -o of 'vitro build'".
/// `option` is as it was typed, "-nstreams" or "--saveEngine". Empty for what no tool we know has.
std::string foreign_option(std::string_view option);

}  // namespace vitro::cli
