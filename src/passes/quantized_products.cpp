#include "passes/quantized_products.h"

#include <algorithm>

#include "core/check.h"
#include "core/float8.h"

namespace vitro {
namespace {

constexpr std::string_view kInputFactor = ".input_factor";

/// What the values of a graph are outside of the fused op that it is the body of: null for those
/// that are made in it.
using Outer = std::vector<const Value*>;

std::span<const float> floats(const Value* value) {
  check(value != nullptr && value->constant, ErrorCode::Internal,
        "a product in 8 bits whose scales are no constants");
  return value->constant->floats();
}

void collect(const Graph& graph, const Outer& outer, std::vector<QuantizedProduct>& found) {
  const auto value_of = [&](ValueId id) { return outer[static_cast<size_t>(id)]; };
  for (const Node& node : graph.nodes) {
    if (node.kind == OpKind::QuantizedLinear || node.kind == OpKind::QuantizedConv) {
      const Value* factor = value_of(node.inputs[4]);
      found.push_back(
          {{}, floats(value_of(node.inputs[3])), floats(factor), floats(value_of(node.inputs[5]))});
      found.back().dtype = value_of(node.inputs[1])->type.dtype;
      // A name that was taken has a number behind it.
      found.back().name = factor->name.substr(0, factor->name.rfind(kInputFactor));
    }
    if (!node.body) continue;
    Outer inner(node.body->values.size());
    size_t port = 0;
    for (const ValueId id : node.inputs)
      if (id != kAbsent) inner[static_cast<size_t>(node.body->inputs[port++].value)] = value_of(id);
    collect(*node.body, inner, found);
  }
}

/// The least and the largest of value(0), ..., value(count - 1).
template <typename Function>
std::pair<float, float> extremes(size_t count, Function&& value) {
  if (count == 0) return {};
  std::pair<float, float> result{value(0), value(0)};
  for (size_t i = 1; i < count; ++i) {
    result.first = std::min(result.first, value(i));
    result.second = std::max(result.second, value(i));
  }
  return result;
}

}  // namespace

QuantizedProduct::Ends QuantizedProduct::ends() const {
  const auto [least, most] = dtype == DType::Float8E4M3
                                 ? std::pair(-kLargestFloat8E4M3, kLargestFloat8E4M3)
                                 : std::pair(0.0f, 255.0f);
  const auto low = [&, code = least](size_t i) { return (code - offset[i]) / factor[i]; };
  const auto high = [&, code = most](size_t i) { return (code - offset[i]) / factor[i]; };
  return {extremes(factor.size(), low), extremes(factor.size(), high)};
}

std::pair<float, float> QuantizedProduct::range() const {
  const auto [lows, highs] = ends();
  return {lows.first, highs.second};
}

std::pair<float, float> QuantizedProduct::common_range() const {
  const auto [lows, highs] = ends();
  return {lows.second, highs.first};
}

std::pair<float, float> QuantizedProduct::input_scales() const {
  return extremes(factor.size(), [&](size_t i) { return 1 / factor[i]; });
}

std::pair<float, float> QuantizedProduct::weight_scales() const {
  return extremes(weight_scale.size(), [&](size_t i) { return weight_scale[i]; });
}

std::vector<QuantizedProduct> quantized_products(const Graph& graph) {
  std::vector<QuantizedProduct> found;
  Outer values;
  for (const Value& value : graph.values) values.push_back(&value);
  collect(graph, values, found);
  return found;
}

std::string input_factor_name(const std::string& product) {
  return product + std::string(kInputFactor);
}

}  // namespace vitro
