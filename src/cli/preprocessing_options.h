#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "vitro/build.h"

namespace CLI {
class App;
}

namespace vitro::cli {

/// Declares --size (--img-size), --crop-pct, --crop-mode, --interpolation, --mean and --std.
void add_preprocessing_options(CLI::App& verb, BuildOptions& options);
/// Declares --labels.
void add_labels_option(CLI::App& verb, BuildOptions& options);

/// A value for R, G and B, "0.485,0.456,0.406", or one for all, "0.5"; spaces serve as commas.
/// Nothing for other text.
std::optional<std::array<float, 3>> parse_rgb(std::string_view text);

}  // namespace vitro::cli
