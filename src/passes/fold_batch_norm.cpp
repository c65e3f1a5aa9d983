#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

bool fold_norm(const Matcher& matcher, Node& batch_norm) {
  if (batch_norm.kind != OpKind::BatchNorm) return false;
  Graph& graph = matcher.graph();
  const auto affine = batch_norm_affine(graph, batch_norm);
  if (!affine) return false;
  if (Node* before = matcher.absorber(matcher.before_views(batch_norm.inputs[0]))) {
    fold_affine_after(graph, *before, *affine);
    replace_uses(graph, batch_norm.output(), batch_norm.inputs[0]);
    return true;
  }
  const std::vector<Node*> after = matcher.linear_readers(batch_norm.output());
  for (Node* linear : after) fold_affine_before(graph, *linear, *affine);
  if (!after.empty()) replace_uses(graph, batch_norm.output(), batch_norm.inputs[0]);
  return !after.empty();
}

}  // namespace

void fold_batch_norm(Graph& graph) { rewrite_nodes(graph, fold_norm); }

}  // namespace vitro
