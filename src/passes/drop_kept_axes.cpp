#include "ir/op_info.h"
#include "passes/extents.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// A view of a reduction that keeps its axes as 1, which drops just these.
bool drop(const Matcher& matcher, Node& view) {
  const bool is_plain =
      view.kind == OpKind::Squeeze || (view.kind == OpKind::Reshape && !view.has_input(1));
  Node* reduce = is_plain ? matcher.sole_producer(view.inputs[0], OpKind::Reduce) : nullptr;
  if (!reduce || !reduce->as<ReduceAttrs>().keep_dims) return false;
  Node dropped = *reduce;
  auto attrs = reduce->as<ReduceAttrs>();
  attrs.keep_dims = false;
  dropped.attrs = attrs;
  Graph& graph = matcher.graph();
  const Extents extents(graph);
  for (size_t shape = 0; shape < extents.count(); ++shape) {
    const TensorType x{graph.value(reduce->inputs[0]).type.dtype,
                       extents.dims(shape, reduce->inputs[0])};
    const Operand operand{&x, nullptr};
    if (infer_results(dropped, {&operand, 1})[0].dims != extents.dims(shape, view.output()))
      return false;
  }
  reduce->attrs = attrs;
  graph.value(reduce->output()).type = graph.value(view.output()).type;
  replace_uses(graph, view.output(), reduce->output());
  return true;
}

}  // namespace

void drop_kept_axes(Graph& graph) {
  rewrite_nodes(graph, [](const Matcher& matcher, Node& node) {
    if (node.kind != OpKind::Reshape && node.kind != OpKind::Squeeze) return false;
    return drop(matcher, node);
  });
}

}  // namespace vitro
