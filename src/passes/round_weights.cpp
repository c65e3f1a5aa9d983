#include <map>

#include "ir/fused_ops.h"
#include "ir/op_info.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// Where each matrix is read as a matrix.
std::map<ValueId, std::vector<ValueId*>> matrix_readers(Graph& graph) {
  std::map<ValueId, std::vector<ValueId*>> readers;
  for (Node& node : graph.nodes)
    for (size_t operand : op_info(node.kind).matrices)
      if (is_weight(graph, node.inputs[operand]))
        readers[node.inputs[operand]].push_back(&node.inputs[operand]);
  return readers;
}

}  // namespace

void round_weights(Graph& graph) {
  remove_dead(graph);
  const Matcher before(graph);
  for (const auto& [id, operands] : matrix_readers(graph)) {
    Constant rounded = with_dtype(*graph.value(id).constant, DType::BFloat16);
    if (operands.size() == before.num_uses(id)) {
      graph.value(id).type = rounded.type;
      graph.value(id).constant = std::move(rounded);
      continue;
    }
    // Something else reads the elements as they are.
    const auto copy = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(
        {unique_name(graph, graph.value(id).name), rounded.type, std::move(rounded)});
    for (ValueId* operand : operands) *operand = copy;
  }
  for (Node& node : graph.nodes)
    if (node.body) node.body = std::make_shared<Graph>(fused_body(graph, node));
}

}  // namespace vitro
