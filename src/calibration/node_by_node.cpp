#include "calibration/node_by_node.h"

#include <algorithm>
#include <map>

#include "core/check.h"

namespace vitro {
namespace {

/// A node as a graph of its own.
struct Alone {
  Graph graph;
  std::vector<ValueId> inputs;  ///< values of the whole graph, in the order of the graph's inputs
};

/// What is known of operands, constants and extents that were computed, is in the graph.
Alone alone(const Graph& whole, const Node& node, const Inference& known) {
  Alone result;
  Graph& graph = result.graph;
  std::map<ValueId, ValueId> ids;
  const auto add = [&](ValueId id) {
    if (id == kAbsent || ids.contains(id)) return id == kAbsent ? kAbsent : ids.at(id);
    Value value = whole.value(id);
    value.type = known.types[static_cast<size_t>(id)];
    const auto added = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(value));
    return ids[id] = added;
  };
  graph.nodes.push_back(node);
  for (ValueId& operand : graph.nodes[0].inputs) {
    const ValueId id = operand;
    const bool is_new = id != kAbsent && !ids.contains(id);
    operand = add(id);
    if (!is_new || whole.is_constant(id)) continue;
    Value& value = graph.value(operand);
    if (const Contents& contents = known.contents[static_cast<size_t>(id)]) {
      value.constant = make_constant(value.type.dims, *contents, value.type.dtype);
      continue;
    }
    graph.inputs.push_back({fmt::format("input{}", graph.inputs.size()), operand, {}});
    result.inputs.push_back(id);
  }
  for (ValueId& output : graph.nodes[0].outputs) {
    output = add(output);
    if (output != kAbsent)
      graph.outputs.push_back({fmt::format("output{}", graph.outputs.size()), output, {}});
  }
  return result;
}

/// By value, the last node that reads it; results of the graph that no node reads have none.
std::vector<size_t> last_readers(const Graph& graph) {
  std::vector<size_t> last(graph.values.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (ValueId id : graph.nodes[n].inputs)
      if (id != kAbsent) last[static_cast<size_t>(id)] = n;
  return last;
}

}  // namespace

NodeByNode::NodeByNode(const Backend& backend, int threads)
    : backend_(backend), lane_(backend.make_lane({threads})), threads_(threads) {}

bool NodeByNode::run(const Graph& graph, const TensorView& input, const Look& look,
                     const std::function<bool()>& stop) {
  const TensorType type{input.dtype, input.dims};
  const Inference known = infer(graph, {&type, 1});
  const std::vector<size_t> last = last_readers(graph);
  std::map<ValueId, Tensor> live;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (stop()) return false;
    const Alone node = alone(graph, graph.nodes[n], known);
    std::vector<TensorView> operands, views;
    std::vector<TensorType> types;
    for (ValueId id : node.inputs) {
      operands.push_back(id == graph.inputs[0].value ? input : live.at(id).view());
      types.push_back(known.types[static_cast<size_t>(id)]);
    }
    std::vector<Tensor> results;
    for (const Port& port : node.graph.outputs) {
      const TensorType& made = node.graph.value(port.value).type;
      results.emplace_back(made.dtype, made.dims);
      views.push_back(results.back().view());
    }
    PlanCache cache;
    CompileRequest request{node.graph, types, cache};
    request.threads = threads_;
    const auto program = backend_.compile(request);
    program->on(*lane_)->run(operands, views, nullptr);
    look(graph.nodes[n], results);
    size_t next = 0;
    for (ValueId id : graph.nodes[n].outputs)
      if (id != kAbsent) live.emplace(id, std::move(results[next++]));
    std::erase_if(live,
                  [&](const auto& value) { return last[static_cast<size_t>(value.first)] <= n; });
  }
  return true;
}

size_t largest_node_bytes(const Graph& graph, const TensorType& picture) {
  const std::vector<TensorType> types = infer_types(graph, {&picture, 1});
  size_t largest = 0;
  for (const Node& node : graph.nodes) {
    size_t bytes = 0;
    for (const auto* list : {&node.inputs, &node.outputs})
      for (ValueId id : *list)
        if (id != kAbsent && !graph.is_constant(id))
          bytes += dense_bytes(types[static_cast<size_t>(id)]);
    largest = std::max(largest, bytes);
  }
  return largest;
}

}  // namespace vitro
