#include "ir/corners.h"

#include <algorithm>
#include <map>

#include "vitro/error.h"

namespace vitro {
namespace {

/// An extent that may vary, wherever it appears.
struct Free {
  int64_t low, usual, high;
};

/// More than this many extents vary together only.
constexpr size_t kMaxFree = 6;

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Two extents of a range that differ from each other; the larger one is small enough to compute
/// with, and odd where it can be, so that it is no product of others by chance.
Free free_extent(const DimRange& range, int64_t usual) {
  const int64_t low = round_up(range.min, range.multiple);
  // Strides inside the graph must not round the two to the same number of places.
  int64_t step = 3 * range.multiple;
  if (step < usual / 4) step = round_up(usual / 2 + 1, range.multiple);
  int64_t high = std::max(low, usual) + step;
  if (high > range.max) high = range.max / range.multiple * range.multiple;
  return {low, usual, high};
}

/// By name, or by place for one without a name.
std::map<std::string, Free> free_extents(const Graph& graph) {
  std::map<std::string, Free> result;
  for (const Port& port : graph.inputs)
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const DimRange& range = port.dims[axis];
      const Free extent = free_extent(range, graph.value(port.value).type.dims[axis]);
      const std::string key =
          range.name.empty() ? port.name + "." + std::to_string(axis) : range.name;
      if (extent.low < extent.high) result.emplace(key, extent);
    }
  return result;
}

std::vector<TensorType> inputs_at(const Graph& graph, const std::map<std::string, int64_t>& at) {
  std::vector<TensorType> types;
  for (const Port& port : graph.inputs) {
    types.push_back(graph.value(port.value).type);
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const std::string& name = port.dims[axis].name;
      const auto found = at.find(name.empty() ? port.name + "." + std::to_string(axis) : name);
      if (found != at.end()) types.back().dims[axis] = found->second;
    }
  }
  return types;
}

bool accepts(const Graph& graph, std::span<const TensorType> inputs) {
  try {
    infer_types(graph, inputs);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<std::vector<TensorType>> corner_inputs(const Graph& graph) {
  const auto extents = free_extents(graph);
  std::map<std::string, int64_t> lows, highs;
  for (const auto& [name, extent] : extents) {
    lows[name] = extent.low;
    highs[name] = extent.high;
  }
  std::vector<std::vector<TensorType>> corners;
  if (extents.empty()) return corners;
  if (!accepts(graph, inputs_at(graph, lows)))
    for (const auto& [name, extent] : extents) lows[name] = extent.usual;
  corners.push_back(inputs_at(graph, lows));
  corners.push_back(inputs_at(graph, highs));
  if (extents.size() > kMaxFree || extents.size() == 1) return corners;
  for (const auto& [name, extent] : extents) {
    auto one = lows;
    one[name] = extent.high;
    corners.push_back(inputs_at(graph, one));
  }
  return corners;
}

std::vector<std::vector<TensorType>> types_at(const Graph& graph,
                                              std::span<const std::vector<TensorType>> inputs) {
  std::vector<std::vector<TensorType>> result;
  for (const auto& types : inputs) {
    try {
      result.push_back(infer_types(graph, types));
    } catch (const Error&) {
      result.emplace_back();
    }
  }
  return result;
}

std::vector<std::vector<TensorType>> types_at_corners(const Graph& graph) {
  return types_at(graph, corner_inputs(graph));
}

}  // namespace vitro
