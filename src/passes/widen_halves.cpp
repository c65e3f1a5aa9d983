#include <array>
#include <numbers>

#include "core/check.h"
#include "core/convert.h"
#include "ir/op_info.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool is_half(DType dtype) { return dtype == DType::Float16 || dtype == DType::BFloat16; }

float rounded(float value, DType dtype) {
  return dtype == DType::Float16 ? float16_to_float32(float32_to_float16(value))
                                 : bfloat16_to_float32(float32_to_bfloat16(value));
}

/// The constant in float32. A number that is what halves leave of a factor in an activation is that
/// factor again: by 1.4140625 nobody would know a gelu (fuse_activation).
Constant widened(const Constant& constant) {
  constexpr double kRootOfTwoOverPi = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  static constexpr std::array kFactors{std::numbers::sqrt2, 1 / std::numbers::sqrt2,
                                       kRootOfTwoOverPi, 0.044715, 1.0 / 6};
  Constant wide = with_dtype(constant, DType::Float32);
  if (num_elements(constant.type.dims) != 1) return wide;
  for (const double factor : kFactors) {
    const auto exact = static_cast<float>(factor);
    if (wide.floats()[0] == rounded(exact, constant.type.dtype))
      return make_constant(constant.type.dims, {&exact, 1});
  }
  return wide;
}

ValueId add_value(Graph& graph, const std::string& name, TensorType type) {
  graph.values.push_back({unique_name(graph, name), std::move(type), std::nullopt});
  return static_cast<ValueId>(graph.values.size() - 1);
}

Node cast(ValueId from, ValueId to, DType dtype, const std::string& source) {
  return {OpKind::Cast, CastAttrs{dtype}, {from}, {to}, source, nullptr};
}

void widen_attributes(Node& node) {
  const auto widen = [](auto& attrs) {
    if constexpr (requires { attrs.dtype; })
      if (is_half(attrs.dtype)) attrs.dtype = DType::Float32;
  };
  std::visit(widen, node.attrs);
}

bool has_halves(const Graph& graph) {
  for (const Node& node : graph.nodes)
    for (const ValueId id : node.outputs)
      if (id != kAbsent && is_half(graph.value(id).type.dtype)) return true;
  return false;
}

}  // namespace

void widen_halves(Graph& graph) {
  if (!has_halves(graph)) return;
  std::vector<Node> first, last;
  std::vector<std::pair<ValueId, DType>> outputs;
  for (const Port& port : graph.outputs)
    outputs.emplace_back(port.value, graph.value(port.value).type.dtype);
  for (Port& port : graph.inputs) {
    Value& value = graph.value(port.value);
    if (!is_half(value.type.dtype)) continue;
    const DType stored = value.type.dtype;
    // The readers take the wide one; the port has a value of its own.
    value.type.dtype = DType::Float32;
    const TensorType type{stored, value.type.dims};
    const ValueId wide = port.value;
    port.value = add_value(graph, port.name + ".stored", type);
    first.push_back(cast(port.value, wide, DType::Float32, port.name));
  }
  for (Value& value : graph.values) {
    if (!is_half(value.type.dtype)) continue;
    if (value.constant) {
      value.constant = widened(*value.constant);
      value.type.dtype = DType::Float32;
    }
  }
  for (Node& node : graph.nodes) {
    widen_attributes(node);
    for (const ValueId id : node.outputs)
      if (id != kAbsent && is_half(graph.value(id).type.dtype))
        graph.value(id).type.dtype = DType::Float32;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto [wide, stored] = outputs[i];
    if (!is_half(stored)) continue;
    Port& port = graph.outputs[i];
    port.value = add_value(graph, port.name + ".stored", {stored, graph.value(wide).type.dims});
    last.push_back(cast(wide, port.value, stored, port.name));
  }
  graph.nodes.insert(graph.nodes.begin(), first.begin(), first.end());
  graph.nodes.insert(graph.nodes.end(), last.begin(), last.end());
  // Casts between the widths are none any more.
  for (const Node& node : graph.nodes)
    if (node.kind == OpKind::Cast &&
        graph.value(node.inputs[0]).type == graph.value(node.output()).type)
      replace_uses(graph, node.output(), node.inputs[0]);
  remove_dead(graph);
}

}  // namespace vitro
