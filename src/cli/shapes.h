#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace vitro::cli {

/// Extents by the name of the input, as trtexec writes them: "images:1x3x224x224,ids:8". Without a
/// name, "1x3x224x224", they are those of the only input. Nothing for other text.
using ShapesByName = std::map<std::string, Dims>;
std::optional<ShapesByName> parse_shapes(std::string_view text);

/// At which extents a model is run.
struct RunShape {
  int64_t batch = 1;
  std::optional<Size> size;  ///< in pixels
  ShapesByName shapes;       ///< of inputs that the two above say nothing of
};

/// Declares an option that takes such a text, in the group of the execution.
void add_shapes_option(CLI::App& verb, const std::string& name, ShapesByName& shapes,
                       const std::string& description);
/// Declares --minShapes, --optShapes and --maxShapes of what is built.
void add_range_options(CLI::App& verb, BuildOptions& options);

}  // namespace vitro::cli
