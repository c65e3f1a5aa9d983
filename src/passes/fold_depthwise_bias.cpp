#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

bool fold_bias(const Matcher& matcher, Node& depthwise) {
  if (depthwise.kind != OpKind::DepthwiseConv2d || !depthwise.has_input(2)) return false;
  Graph& graph = matcher.graph();
  if (!is_weight(graph, depthwise.inputs[2])) return false;
  const std::vector<Node*> linears = matcher.linear_readers(depthwise.output());
  if (linears.empty()) return false;
  const auto bias = graph.value(depthwise.inputs[2]).constant->floats();
  const ChannelAffine affine{std::vector<double>(bias.size(), 1.0), {bias.begin(), bias.end()}};
  for (Node* linear : linears) fold_affine_before(graph, *linear, affine);
  depthwise.inputs.pop_back();
  return true;
}

}  // namespace

void fold_depthwise_bias(Graph& graph) { rewrite_nodes(graph, fold_bias); }

}  // namespace vitro
