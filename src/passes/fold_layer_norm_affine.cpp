#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

bool fold_affine(const Matcher& matcher, Node& layer_norm) {
  if (layer_norm.kind != OpKind::LayerNorm || !layer_norm.has_input(1) ||
      layer_norm.as<NormAttrs>().axes != 1)
    return false;
  Graph& graph = matcher.graph();
  if (!has_weights(graph, layer_norm)) return false;
  const std::vector<Node*> linears = matcher.linear_readers(layer_norm.output());
  if (linears.empty()) return false;
  const auto weight = graph.value(layer_norm.inputs[1]).constant->floats();
  const auto bias = graph.value(layer_norm.inputs[2]).constant->floats();
  const ChannelAffine affine{{weight.begin(), weight.end()}, {bias.begin(), bias.end()}};
  for (Node* linear : linears) fold_affine_before(graph, *linear, affine);
  layer_norm.inputs.resize(1);
  return true;
}

}  // namespace

void fold_layer_norm_affine(Graph& graph) { rewrite_nodes(graph, fold_affine); }

}  // namespace vitro
