#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool fuse(const Matcher& matcher, Node& add, ValueId x, ValueId branch) {
  Graph& graph = matcher.graph();
  const Node* fc2 = matcher.sole_linear(branch);
  if (!fc2 || !matcher.same_types(x, branch)) return false;
  const Node* gelu = matcher.sole_producer(fc2->inputs[0], UnaryFunction::Gelu);
  if (!gelu) return false;
  const Node* fc1 = matcher.sole_linear(gelu->inputs[0]);
  if (!fc1) return false;
  MlpAttrs attrs;
  if (fc1->inputs[0] != x) {
    const Node* norm = matcher.sole_producer(fc1->inputs[0], OpKind::LayerNorm);
    if (!norm || norm->has_input(1) || norm->inputs[0] != x || norm->as<NormAttrs>().axes != 1)
      return false;
    attrs = {true, norm->as<NormAttrs>().eps};
  }
  const ValueId bias1 = bias_or_zeros(graph, *fc1), bias2 = bias_or_zeros(graph, *fc2);
  become_fused(graph, add, OpKind::Mlp, attrs,
               with_quantization({x, fc1->inputs[1], bias1, fc2->inputs[1], bias2}, *fc1, *fc2));
  return true;
}

}  // namespace

void fuse_mlp(Graph& graph) { rewrite_sums(graph, fuse); }

}  // namespace vitro
