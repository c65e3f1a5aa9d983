#include "runtime/input_shapes.h"

#include "core/check.h"
#include "ir/infer.h"
#include "runtime/interface.h"

namespace vitro {
namespace {

/// What an extent is narrowed to.
struct Narrowed {
  DimRange range;
  int64_t opt = 1;
  bool operator==(const Narrowed&) const = default;
};

std::string range_text(const DimRange& range) {
  std::string text = range.min == range.max     ? fmt::format("{}", range.min)
                     : range.max == kOpenExtent ? fmt::format("{} or more", range.min)
                                                : fmt::format("{} to {}", range.min, range.max);
  return range.multiple > 1 ? fmt::format("{} in steps of {}", text, range.multiple) : text;
}

Narrowed narrowed(const IoInfo& input, size_t axis, const InputShapes& shapes) {
  const DimRange& range = input.dims[axis];
  const int64_t min = shapes.min[axis], opt = shapes.opt[axis], max = shapes.max[axis];
  const std::string which =
      fmt::format("input '{}', {}", input.name,
                  range.name.empty() ? fmt::format("axis {}", axis) : "'" + range.name + "'");
  check(min <= opt && opt <= max, ErrorCode::InvalidArgument,
        "{}: {} as the least, {} as the usual and {} as the largest, expected them in this order",
        which, min, opt, max);
  for (const int64_t extent : {min, opt, max})
    check(extent >= range.min && extent <= range.max && extent % range.multiple == 0,
          ErrorCode::InvalidArgument, "{}: {}, the model takes {}", which, extent,
          range_text(range));
  return {{range.name, min, max, min == max ? 1 : range.multiple}, opt};
}

void expect_rank(const IoInfo& input, const Dims& dims) {
  check(dims.size() == input.dims.size(), ErrorCode::InvalidArgument,
        "input '{}': {} has {} extents, expected {}", input.name, to_string(dims), dims.size(),
        to_string(input.dims));
}

size_t find_input(std::span<const IoInfo> inputs, const std::string& name) {
  if (name.empty() && inputs.size() == 1) return 0;
  std::string names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].name == name) return i;
    names += (names.empty() ? "'" : ", '") + inputs[i].name + "'";
  }
  fail(ErrorCode::NotFound, "the model has no input '{}', expected {}", name, names);
}

}  // namespace

InputShapes completed(InputShapes shapes) {
  const Dims& any = !shapes.opt.empty()   ? shapes.opt
                    : !shapes.max.empty() ? shapes.max
                                          : shapes.min;
  if (shapes.opt.empty()) shapes.opt = any;
  if (shapes.min.empty()) shapes.min = shapes.opt;
  if (shapes.max.empty()) shapes.max = shapes.opt;
  return shapes;
}

void narrow_inputs(Graph& graph, const std::map<std::string, InputShapes>& shapes) {
  if (shapes.empty()) return;
  const std::vector<IoInfo> inputs = input_infos(graph);
  std::map<std::string, Narrowed> by_name;
  for (const auto& [name, given] : shapes) {
    const size_t i = find_input(inputs, name);
    const InputShapes all = completed(given);
    for (const Dims* dims : {&all.min, &all.opt, &all.max}) expect_rank(inputs[i], *dims);
    Port& port = graph.inputs[i];
    port.dims = inputs[i].dims;
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const Narrowed result = narrowed(inputs[i], axis, all);
      port.dims[axis] = result.range;
      graph.value(port.value).type.dims[axis] = result.opt;
      if (result.range.name.empty()) continue;
      const auto [known, is_new] = by_name.emplace(result.range.name, result);
      check(is_new || known->second == result, ErrorCode::InvalidArgument,
            "input '{}': '{}' is {} here and {} elsewhere, expected one range for one name",
            inputs[i].name, result.range.name, range_text(result.range),
            range_text(known->second.range));
    }
  }
  for (Port& port : graph.inputs)
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const auto found = by_name.find(port.dims[axis].name);
      if (found == by_name.end()) continue;
      port.dims[axis] = found->second.range;
      graph.value(port.value).type.dims[axis] = found->second.opt;
    }
  const std::vector<TensorType> types = infer_types(graph, input_types(graph));
  for (size_t i = 0; i < types.size(); ++i) graph.values[i].type = types[i];
}

}  // namespace vitro
