#include "backends/constant_views.h"

#include "ir/op_info.h"

namespace vitro {

std::optional<Graph> with_views_folded(const Graph& graph, std::span<const TensorType> types,
                                       PlanCache& cache) {
  std::optional<Graph> folded;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph& now = folded ? *folded : graph;
    const Node& node = now.nodes[i];
    if (!op_info(node.kind).has(Trait::View) || !now.is_constant(node.inputs[0])) continue;
    const ValueId view = node.output();
    Constant constant = cache.rows(*now.value(node.inputs[0]).constant);
    constant.type = types[static_cast<size_t>(view)];
    Value value{now.value(view).name + ".constant", constant.type, std::move(constant)};
    if (!folded) folded = graph;
    folded->values.push_back(std::move(value));
    replace_uses(*folded, view, static_cast<ValueId>(folded->values.size() - 1));
  }
  return folded;
}

}  // namespace vitro
