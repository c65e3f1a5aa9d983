#include "ir/corners.h"

#include <algorithm>
#include <map>

#include "vitro/error.h"

namespace vitro {
namespace {

/// An extent that may vary, wherever it appears.
struct Free {
  int64_t low, usual, max;
  std::vector<int64_t> highs;  ///< larger than `low`, the best first
};

/// More than this many extents vary together only.
constexpr size_t kMaxFree = 6;

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Extents of a range that differ from each other; the larger ones are small enough to compute
/// with, and the first is odd where it can be, so that it is no product of others by chance.
Free free_extent(const DimRange& range, int64_t usual) {
  Free extent{round_up(range.min, range.multiple), usual, range.max, {}};
  // Strides inside the graph must not round the two to the same number of places.
  int64_t step = 3 * range.multiple;
  if (step < usual / 4) step = round_up(usual / 2 + 1, range.multiple);
  int64_t high = std::max(extent.low, usual) + step;
  if (high > range.max) high = range.max / range.multiple * range.multiple;
  for (const int64_t other : likely_extents(range, usual))
    if (other > extent.low) extent.highs.push_back(other);
  if (high > extent.low) extent.highs.insert(extent.highs.begin(), high);
  return extent;
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
      if (!extent.highs.empty()) result.emplace(key, extent);
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

/// The first of the larger extents that the graph takes all together, else the first.
std::map<std::string, int64_t> highs_of(const Graph& graph,
                                        const std::map<std::string, Free>& extents) {
  size_t attempts = 0;
  for (const auto& [name, extent] : extents) attempts = std::max(attempts, extent.highs.size());
  const auto attempt = [&](size_t i) {
    std::map<std::string, int64_t> highs;
    for (const auto& [name, extent] : extents)
      highs[name] = extent.highs[std::min(i, extent.highs.size() - 1)];
    return highs;
  };
  for (size_t i = 0; i < attempts; ++i)
    if (auto highs = attempt(i); accepts(graph, inputs_at(graph, highs))) return highs;
  return attempt(0);
}

}  // namespace

std::vector<int64_t> likely_extents(const DimRange& range, int64_t usual) {
  // Whatever divides the usual extent divides its multiples, of which odd ones are products of
  // others less often.
  std::vector<int64_t> extents;
  for (const int64_t extent : {3 * usual, 2 * usual, range.max, range.min})
    if (extent != usual && extent >= range.min && extent <= range.max && extent < kOpenExtent &&
        extent % range.multiple == 0)
      extents.push_back(extent);
  return extents;
}

std::vector<std::vector<TensorType>> corner_inputs(const Graph& graph) {
  const auto extents = free_extents(graph);
  std::map<std::string, int64_t> lows;
  for (const auto& [name, extent] : extents) lows[name] = extent.low;
  const std::map<std::string, int64_t> highs = highs_of(graph, extents);
  std::vector<std::vector<TensorType>> corners;
  if (extents.empty()) return corners;
  if (!accepts(graph, inputs_at(graph, lows)))
    for (const auto& [name, extent] : extents) lows[name] = extent.usual;
  corners.push_back(inputs_at(graph, lows));
  corners.push_back(inputs_at(graph, highs));
  if (extents.size() > kMaxFree || extents.size() == 1) return corners;
  for (const auto& [name, extent] : extents) {
    auto one = lows;
    one[name] = highs.at(name);
    corners.push_back(inputs_at(graph, one));
  }
  return corners;
}

namespace {

/// An odd one, a multiple of the usual one, one that is far from it, beyond what a model may tell
/// large from small by, and the least.
std::vector<int64_t> varied(const Free& extent) {
  constexpr size_t kHighs = 2;
  constexpr int64_t kFar = 64;
  std::vector<int64_t> values(
      extent.highs.begin(),
      extent.highs.begin() + static_cast<std::ptrdiff_t>(std::min(kHighs, extent.highs.size())));
  const int64_t far = kFar * extent.usual;
  if (far <= extent.max) values.push_back(far);
  if (extent.low != extent.usual) values.push_back(extent.low);
  return values;
}

}  // namespace

std::vector<Variation> variations(const Graph& graph) {
  const auto extents = free_extents(graph);
  std::vector<Variation> result;
  std::map<std::string, int64_t> all;
  for (const auto& [name, extent] : extents) {
    all[name] = extent.highs.front();
    for (const int64_t value : varied(extent))
      result.push_back({name, inputs_at(graph, {{name, value}})});
  }
  if (extents.size() > 1) result.push_back({"", inputs_at(graph, all)});
  return result;
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
