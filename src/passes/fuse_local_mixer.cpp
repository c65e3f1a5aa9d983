#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool is_square(const Graph& graph, const Node& linear) {
  const Dims& weight = graph.value(linear.inputs[1]).type.dims;  // [out, in]
  return weight[0] == weight[1];
}

bool fuse(const Matcher& matcher, Node& add, ValueId x, ValueId branch) {
  Graph& graph = matcher.graph();
  const auto is_mixing = [&](const Node* node) { return node && is_square(graph, *node); };
  const auto keeps = [&](const Node* node) {
    return node && has_weights(graph, *node) && keeps_extents(graph, *node);
  };
  const Node* conv2 = matcher.sole_linear(branch);
  if (!is_mixing(conv2)) return false;
  const Node* spatial = matcher.sole_producer(conv2->inputs[0], OpKind::DepthwiseConv2d);
  if (!keeps(spatial) || spatial->has_input(2)) return false;
  const Node* conv1 = matcher.sole_linear(spatial->inputs[0]);
  if (!is_mixing(conv1) || conv1->inputs[0] != x) return false;
  const Node* position = matcher.producer(x, OpKind::DepthwiseConv2d);
  // Read by conv1 and by the add.
  if (!keeps(position) || matcher.num_uses(x) != 2) return false;
  const ValueId position_bias = bias_or_zeros(graph, *position);
  const ValueId bias1 = bias_or_zeros(graph, *conv1), bias2 = bias_or_zeros(graph, *conv2);
  become_fused(
      graph, add, OpKind::LocalMixer, {},
      with_quantization({position->inputs[0], position->inputs[1], position_bias, conv1->inputs[1],
                         bias1, spatial->inputs[1], conv2->inputs[1], bias2},
                        *conv1, *conv2));
  return true;
}

}  // namespace

void fuse_local_mixer(Graph& graph) { rewrite_sums(graph, fuse); }

}  // namespace vitro
