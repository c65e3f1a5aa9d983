#include <cmath>
#include <map>

#include "ir/op_info.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

constexpr int64_t kMaxElements = 64;

using Numbers = std::vector<double>;

/// The elements of a small constant of float32 or of integers.
std::optional<Numbers> numbers_of(const Graph& graph, ValueId id) {
  const auto& constant = graph.value(id).constant;
  if (!constant || num_elements(constant->type.dims) > kMaxElements) return std::nullopt;
  if (is_weight(graph, id)) {
    const auto values = constant->floats();
    return Numbers(values.begin(), values.end());
  }
  const Contents contents = contents_of(*constant);
  return contents ? std::optional(Numbers(contents->begin(), contents->end())) : std::nullopt;
}

/// The elements of the result of a node, in float32 as it would compute them.
std::optional<Numbers> evaluated(const Graph& graph, const Node& node) {
  const auto first = numbers_of(graph, node.inputs[0]);
  if (!first) return std::nullopt;
  if (op_info(node.kind).has(View) || node.kind == OpKind::Cast) return first;
  Numbers result = *first;
  if (node.kind == OpKind::Unary) {
    const auto& attrs = node.as<UnaryAttrs>();
    for (double& value : result)
      value = evaluate(attrs.function, value, double{attrs.alpha}, double{attrs.beta});
    return result;
  }
  const auto second =
      node.kind == OpKind::Binary ? numbers_of(graph, node.inputs[1]) : std::nullopt;
  const auto count = static_cast<size_t>(num_elements(graph.value(node.output()).type.dims));
  if (!second) return std::nullopt;
  // The same extents, or one element for all.
  for (const Numbers* operand : {&*first, &*second})
    if (operand->size() != count && operand->size() != 1) return std::nullopt;
  result.resize(count);
  for (size_t i = 0; i < count; ++i)
    result[i] = evaluate(node.as<BinaryAttrs>().function, (*first)[i % first->size()],
                         (*second)[i % second->size()]);
  return result;
}

/// The element of what `node` makes of a tensor whose elements are all `value`, in its own type;
/// nothing for a type that is rounded in another way.
std::optional<double> filled_with(const Node& node, double value, DType dtype) {
  if (node.kind == OpKind::Unary) {
    const auto& attrs = node.as<UnaryAttrs>();
    value = evaluate(attrs.function, value, double{attrs.alpha}, double{attrs.beta});
  } else if (node.kind != OpKind::Cast) {
    return std::nullopt;
  }
  if (dtype == DType::Float32) return static_cast<double>(static_cast<float>(value));
  if (dtype == DType::Bool) return value != 0 ? 1.0 : 0.0;
  return std::nullopt;
}

/// A function of elements that are all the same makes elements that are all the same.
void fold_fills(Graph& graph) {
  std::map<ValueId, const Node*> fills;
  for (Node& node : graph.nodes) {
    const auto fill = node.inputs.empty() ? fills.end() : fills.find(node.inputs[0]);
    if (fill != fills.end()) {
      const Node from = *fill->second;
      auto attrs = from.as<FillAttrs>();
      attrs.dtype = graph.value(node.output()).type.dtype;
      const auto value = filled_with(node, attrs.value, attrs.dtype);
      if (!value) continue;
      attrs.value = *value;
      node.kind = OpKind::ConstantOfShape;
      node.attrs = attrs;
      node.inputs = from.inputs;
    }
    if (node.kind == OpKind::ConstantOfShape) fills[node.output()] = &node;
  }
}

}  // namespace

void fold_scalars(Graph& graph) {
  fold_fills(graph);
  for (const Node& node : graph.nodes) {
    if (node.outputs.size() != 1 || node.outputs[0] == kAbsent || node.inputs.empty()) continue;
    const Value result = graph.value(node.output());
    if (result.type.dtype != DType::Float32 || num_elements(result.type.dims) > kMaxElements)
      continue;
    const auto numbers = evaluated(graph, node);
    if (!numbers) continue;
    const std::vector<float> values(numbers->begin(), numbers->end());
    graph.values.push_back(
        {unique_name(graph, result.name), result.type, make_constant(result.type.dims, values)});
    replace_uses(graph, node.output(), static_cast<ValueId>(graph.values.size() - 1));
  }
  remove_dead(graph);
}

}  // namespace vitro
