#include "cli/shapes.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace vitro::cli {
namespace {

constexpr size_t kMostAxes = 16;

/// "1x3x224x224"; empty for other text.
Dims parse_dims(std::string_view text) {
  Dims dims;
  while (dims.size() < kMostAxes) {
    const size_t end = std::min(text.find('x'), text.size());
    const auto extent = parse_integer(text.substr(0, end));
    if (!extent || *extent < 1) return {};
    dims.push_back(*extent);
    if (end == text.size()) return dims;
    text.remove_prefix(end + 1);
  }
  return {};
}

CLI::Validator shapes_text() {
  return CLI::Validator(
      [](std::string& text) {
        if (parse_shapes(text)) return std::string();
        return fmt::format("got '{}', expected INPUT:NxN...,... such as images:1x3x224x224", text);
      },
      "SHAPES");
}

CLI::Option* add_shapes(CLI::App& verb, const std::string& name,
                        const std::function<void(const ShapesByName&)>& take,
                        const std::string& description) {
  return verb
      .add_option_function<std::string>(
          name, [take](const std::string& text) { take(*parse_shapes(text)); }, description)
      ->option_text("INPUT:NxN,...")
      ->check(shapes_text());
}

}  // namespace

std::optional<ShapesByName> parse_shapes(std::string_view text) {
  ShapesByName shapes;
  while (true) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, end);
    const size_t colon = item.rfind(':');  // names of TensorFlow have one, too
    const bool is_named = colon != std::string_view::npos;
    const Dims dims = parse_dims(is_named ? item.substr(colon + 1) : item);
    if (dims.empty() || colon == 0) return std::nullopt;
    if (!shapes.emplace(is_named ? item.substr(0, colon) : std::string_view(), dims).second)
      return std::nullopt;
    if (end == text.size()) return shapes;
    text.remove_prefix(end + 1);
  }
}

void add_shapes_option(CLI::App& verb, const std::string& name, ShapesByName& shapes,
                       const std::string& description) {
  add_shapes(
      verb, name, [&shapes](const ShapesByName& given) { shapes = given; }, description)
      ->group(kExecutionGroup);
}

void add_range_options(CLI::App& verb, BuildOptions& options) {
  const auto add = [&](const char* name, Dims InputShapes::*list, const char* description) {
    const auto take = [&options, list](const ShapesByName& given) {
      for (const auto& [input, dims] : given) options.input_shapes[input].*list = dims;
    };
    add_shapes(verb, name, take, description)->group(kModelGroup);
  };
  add("--minShapes", &InputShapes::min, "Smallest extents of inputs; default: the model's");
  add("--optShapes", &InputShapes::opt, "Usual extents of inputs: the size of pictures, tuning");
  add("--maxShapes", &InputShapes::max, "Largest extents of inputs; default: the model's");
}

}  // namespace vitro::cli
