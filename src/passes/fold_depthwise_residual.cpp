#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool fold_residual(const Matcher& matcher, Node& add) {
  if (!is(add, BinaryFunction::Add)) return false;
  Graph& graph = matcher.graph();
  for (size_t operand = 0; operand < 2; ++operand) {
    Node* depthwise = matcher.sole_producer(add.inputs[operand], OpKind::DepthwiseConv2d);
    if (!depthwise || depthwise->inputs[0] != add.inputs[1 - operand]) continue;
    if (!keeps_extents(graph, *depthwise) || !is_weight(graph, depthwise->inputs[1])) continue;
    const Constant weight = *graph.value(depthwise->inputs[1]).constant;  // [kernel_h, kernel_w, c]
    auto [kernel, dst] = allocate_floats(weight.type.dims);
    const auto src = weight.floats();
    const auto channels = static_cast<size_t>(weight.type.dims[2]);
    // Both extents are odd, so the centre tap is the middle one.
    const size_t centre = src.size() / channels / 2 * channels;
    for (size_t i = 0; i < src.size(); ++i) {
      const bool in_centre = i >= centre && i < centre + channels;
      dst[i] = in_centre ? static_cast<float>(src[i] + 1.0) : src[i];
    }
    set_weight(graph, *depthwise, 1, std::move(kernel));
    replace_uses(graph, add.output(), depthwise->output());
    return true;
  }
  return false;
}

}  // namespace

void fold_depthwise_residual(Graph& graph) { rewrite_nodes(graph, fold_residual); }

}  // namespace vitro
