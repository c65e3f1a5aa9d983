#include "ir/fused_ops.h"
#include "passes/passes.h"

namespace vitro {

void round_weights(Graph& graph) {
  for (Value& value : graph.values) {
    if (!value.constant || value.constant->layout != Layout::Panel16) continue;
    value.constant = with_dtype(*value.constant, DType::BFloat16);
    value.type.dtype = DType::BFloat16;
  }
  for (Node& node : graph.nodes) {
    if (node.body)
      node.body =
          std::make_shared<Graph>(fused_body(node.kind, node.attrs, given_types(graph, node)));
  }
}

}  // namespace vitro
