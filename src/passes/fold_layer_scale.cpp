#include <algorithm>
#include <cmath>

#include "ir/op_info.h"
#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

/// Whether scaling each channel commutes with the op. Reshapes must keep the channels where they
/// are, reductions must leave them, and a maximum only keeps its place under positive factors.
bool commutes(const Graph& graph, const Node& node, bool positive) {
  const ValueId in = node.inputs[0];
  if (op_info(node.kind).has(View))
    return last_extent(graph, in) == last_extent(graph, node.output());
  const bool scales = is(node, ReduceFunction::Mean) || (is(node, ReduceFunction::Max) && positive);
  return scales && keeps_channels(graph, node);
}

/// The op with weights that makes `id`, every op between them commuting with the factors.
Node* scaled_op(const Matcher& matcher, ValueId id, bool positive) {
  if (Node* node = matcher.absorber(id)) return node;
  for (OpKind kind : {OpKind::Reshape, OpKind::ReshapeLike, OpKind::Reduce}) {
    const Node* node = matcher.sole_producer(id, kind);
    if (node && commutes(matcher.graph(), *node, positive))
      return scaled_op(matcher, node->inputs[0], positive);
  }
  return nullptr;
}

bool fold_scale(const Matcher& matcher, Node& mul) {
  if (!is(mul, BinaryFunction::Mul) || !is_weight(matcher.graph(), mul.inputs[1])) return false;
  Graph& graph = matcher.graph();
  const auto factors = graph.value(mul.inputs[1]).constant->floats();
  const bool positive = std::all_of(factors.begin(), factors.end(), [](float f) { return f > 0; });
  const bool finite =
      std::all_of(factors.begin(), factors.end(), [](float f) { return std::isfinite(f); });
  if (!finite || graph.value(mul.inputs[1]).type.dims.size() != 1) return false;
  Node* node = scaled_op(matcher, mul.inputs[0], positive);
  if (!node) return false;
  const auto channels = static_cast<size_t>(last_extent(graph, node->output()));
  ChannelAffine affine{{factors.begin(), factors.end()}, std::vector<double>(channels)};
  if (factors.size() == 1) affine.scale.assign(channels, factors[0]);
  fold_affine_after(graph, *node, affine);
  replace_uses(graph, mul.output(), mul.inputs[0]);
  return true;
}

}  // namespace

void fold_layer_scale(Graph& graph) { rewrite_nodes(graph, fold_scale); }

}  // namespace vitro
