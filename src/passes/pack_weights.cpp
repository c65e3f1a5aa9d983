#include <map>
#include <vector>

#include "ir/op_info.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {

void pack_weights(Graph& graph) {
  remove_dead(graph);
  const Matcher before(graph);
  std::map<ValueId, std::vector<ValueId*>> readers;  // of each matrix, as a matrix
  for (Node& node : graph.nodes)
    for (size_t operand : op_info(node.kind).matrices)
      if (is_weight(graph, node.inputs[operand]))
        readers[node.inputs[operand]].push_back(&node.inputs[operand]);
  for (const auto& [id, operands] : readers) {
    Constant packed = with_layout(*graph.value(id).constant, Layout::Panel16);
    if (operands.size() == before.num_uses(id)) {
      graph.value(id).constant = std::move(packed);
      continue;
    }
    // Something else reads the elements in their order.
    const Value row_major = graph.value(id);
    const auto panels = static_cast<ValueId>(graph.values.size());
    graph.values.push_back({unique_name(graph, row_major.name), row_major.type, std::move(packed)});
    for (ValueId* operand : operands) *operand = panels;
  }
}

}  // namespace vitro
