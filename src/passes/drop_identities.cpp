#include <algorithm>

#include "passes/extents.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool all_are(const Ints& values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == value; });
}

/// Whether a factor or an addend changes nothing.
bool is_neutral(const Graph& graph, const Node& node) {
  const auto second = scalar_value(graph, node.inputs[1]);
  const bool multiplies = is(node, BinaryFunction::Mul) || is(node, BinaryFunction::Div);
  const bool adds = is(node, BinaryFunction::Add) || is(node, BinaryFunction::Sub);
  return (multiplies && second == 1.0) || (adds && second == 0.0);
}

/// Whether the result, where it has the extents of operand 0, has its elements in their places.
bool keeps_elements(const Graph& graph, const Node& node) {
  switch (node.kind) {
    case OpKind::Identity:
    case OpKind::Expand:
    case OpKind::Tile:
      return true;
    case OpKind::Concat:
      return node.inputs.size() == 1;
    case OpKind::Split:
      return node.outputs.size() == 1;
    case OpKind::Slice:
      return all_are(node.as<SliceAttrs>().steps, 1);
    case OpKind::Pad:
      // A border of as much as is taken away keeps the extents, but moves.
      return !node.has_input(1) && all_are(node.as<PadAttrs>().begin, 0) &&
             all_are(node.as<PadAttrs>().end, 0);
    case OpKind::Cast:
      return graph.value(node.inputs[0]).type == graph.value(node.output()).type;
    case OpKind::Binary:
      return is_neutral(graph, node);
    default:
      return false;
  }
}

}  // namespace

void drop_identities(Graph& graph) {
  remove_dead(graph);
  const Extents extents(graph);
  std::vector<ValueId> same(graph.values.size(), kAbsent);
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs)
      if (id != kAbsent && same[static_cast<size_t>(id)] != kAbsent)
        id = same[static_cast<size_t>(id)];
    if (node.outputs.size() == 1 && !node.inputs.empty() && keeps_elements(graph, node) &&
        extents.same_dims(node.inputs[0], node.output()))
      same[static_cast<size_t>(node.output())] = node.inputs[0];
  }
  for (Port& port : graph.outputs)
    if (same[static_cast<size_t>(port.value)] != kAbsent)
      port.value = same[static_cast<size_t>(port.value)];
  remove_dead(graph);
}

}  // namespace vitro
