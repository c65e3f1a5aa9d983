#include "backends/float_islands.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ir/op_info.h"

namespace vitro {

Precision precision_of(const Node& node, Precision asked) {
  return node.keeps_float32 && asked == Precision::Float16 ? Precision::Float32 : asked;
}

std::vector<Precision> stored_precisions(const Graph& graph, Precision asked) {
  std::vector<Precision> stored(graph.values.size(), asked);
  for (const Node& node : graph.nodes) {
    const Precision precision = op_info(node.kind).has(View)
                                    ? stored[static_cast<size_t>(node.inputs[0])]
                                    : precision_of(node, asked);
    for (ValueId id : node.outputs)
      if (id != kAbsent) stored[static_cast<size_t>(id)] = precision;
  }
  return stored;
}

std::vector<bool> cast_between_precisions(Graph& graph, Precision asked) {
  if (asked != Precision::Float16 ||
      std::none_of(graph.nodes.begin(), graph.nodes.end(),
                   [](const Node& node) { return node.keeps_float32; }))
    return {};
  const std::vector<Precision> stored = stored_precisions(graph, asked);
  std::map<ValueId, ValueId> casts;  // each value crosses in one direction only
  std::vector<Node> nodes;
  std::vector<bool> is_cast;
  for (Node& node : graph.nodes) {
    const Precision precision = precision_of(node, asked);
    for (ValueId& id : node.inputs) {
      if (op_info(node.kind).has(View) || id == kAbsent || graph.is_constant(id) ||
          graph.value(id).type.dtype != DType::Float32 ||
          stored[static_cast<size_t>(id)] == precision)
        continue;
      const auto [found, added] = casts.emplace(id, static_cast<ValueId>(graph.values.size()));
      if (added) {
        Value value = graph.value(id);
        value.name += precision == Precision::Float32 ? ".fp32" : ".fp16";
        graph.values.push_back(std::move(value));
        nodes.push_back({OpKind::Cast,
                         CastAttrs{DType::Float32},
                         {id},
                         {found->second},
                         node.source,
                         nullptr,
                         node.keeps_float32});
        is_cast.push_back(true);
      }
      id = found->second;
    }
    nodes.push_back(std::move(node));
    is_cast.push_back(false);
  }
  graph.nodes = std::move(nodes);
  return is_cast;
}

}  // namespace vitro
