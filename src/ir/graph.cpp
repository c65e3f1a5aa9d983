#include "ir/graph.h"

#include <algorithm>
#include <array>
#include <functional>

#include "core/check.h"
#include "ir/infer.h"

namespace vitro {

ValueId Node::output() const {
  check(outputs.size() == 1, ErrorCode::Internal, "{} '{}' has {} results, expected one",
        op_name(*this), source, outputs.size());
  return outputs[0];
}

std::vector<TensorType> given_types(const Graph& graph, const Node& node) {
  std::vector<TensorType> types;
  for (ValueId id : node.inputs)
    if (id != kAbsent) types.push_back(graph.value(id).type);
  return types;
}

std::vector<TensorType> input_types(const Graph& graph) {
  std::vector<TensorType> types;
  for (const Port& port : graph.inputs) types.push_back(graph.value(port.value).type);
  return types;
}

std::vector<int> producers(const Graph& graph) {
  std::vector<int> result(graph.values.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId id : graph.nodes[i].outputs)
      if (id != kAbsent) result[static_cast<size_t>(id)] = static_cast<int>(i);
  return result;
}

std::vector<std::vector<int>> consumers(const Graph& graph) {
  std::vector<std::vector<int>> result(graph.values.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId id : graph.nodes[i].inputs)
      if (id != kAbsent) result[static_cast<size_t>(id)].push_back(static_cast<int>(i));
  return result;
}

void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  for (Port& port : graph.outputs)
    if (port.value == from) port.value = to;
}

namespace {

/// Keeps the marked values in their order and renumbers every reference.
void keep_values(Graph& graph, const std::vector<bool>& keep) {
  std::vector<ValueId> renumbered(graph.values.size(), -1);
  std::vector<Value> values;
  for (size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    renumbered[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  const auto renumber = [&](ValueId& id) {
    if (id != kAbsent) id = renumbered[static_cast<size_t>(id)];
  };
  for (Node& node : graph.nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), renumber);
    std::for_each(node.outputs.begin(), node.outputs.end(), renumber);
  }
  for (Port& port : graph.inputs) renumber(port.value);
  for (Port& port : graph.outputs) renumber(port.value);
}

}  // namespace

void remove_dead(Graph& graph) {
  std::vector<bool> live(graph.values.size());
  const auto mark = [&](ValueId id) {
    if (id != kAbsent) live[static_cast<size_t>(id)] = true;
  };
  const auto is_read = [&](ValueId id) { return id != kAbsent && live[static_cast<size_t>(id)]; };
  const auto is_live = [&](const Node& node) {
    return std::any_of(node.outputs.begin(), node.outputs.end(), is_read);
  };
  for (const Port& port : graph.outputs) mark(port.value);
  for (const Port& port : graph.inputs) mark(port.value);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (is_live(*node)) std::for_each(node->inputs.begin(), node->inputs.end(), mark);
  std::erase_if(graph.nodes, [&](const Node& node) { return !is_live(node); });
  for (Node& node : graph.nodes)
    for (ValueId& id : node.outputs)
      if (!is_read(id)) id = kAbsent;
  keep_values(graph, live);
}

namespace {

/// The stride of a convolution whose windows neither overlap nor leave a gap, of others 0; 1 for an
/// op that keeps the extents.
int64_t tiling_stride(const Graph& graph, const Node& node) {
  if (node.kind != OpKind::Conv) return 1;
  const std::vector<WindowAxis> axes =
      conv_windows(node, graph.value(node.inputs[1]).type.dims);  // [out, kernel..., in]
  const auto has_stride = [&](int64_t stride) {
    return std::all_of(axes.begin(), axes.end(),
                       [&](const WindowAxis& axis) { return axis.stride == stride; });
  };
  const int64_t stride = axes[0].stride;
  if (has_stride(1)) return 1;
  const bool tiles = std::all_of(axes.begin(), axes.end(), [&](const WindowAxis& axis) {
    return axis.kernel == stride && axis.dilation == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
  });
  return tiles && has_stride(stride) ? stride : 0;
}

}  // namespace

int64_t input_multiple(const Graph& graph) {
  std::vector<int64_t> scale(graph.values.size(), 1);  // pixels of the input per place; 0: unclear
  int64_t multiple = 1;
  for (const Node& node : graph.nodes) {
    int64_t before = 1;
    for (ValueId id : node.inputs) {
      if (id == kAbsent) continue;
      const int64_t operand = scale[static_cast<size_t>(id)];
      before = before == 0 || operand == 0 ? 0 : std::max(before, operand);
    }
    const int64_t after = before * tiling_stride(graph, node);
    for (ValueId id : node.outputs)
      if (id != kAbsent) scale[static_cast<size_t>(id)] = after;
    multiple = std::max(multiple, after);
  }
  return multiple;
}

void inline_body(Graph& graph, size_t node_index) {
  const Node fused = graph.nodes[node_index];
  check(fused.body != nullptr, ErrorCode::Internal, "{} '{}' has no body to inline", op_name(fused),
        fused.source);
  const Graph& body = *fused.body;
  std::vector<ValueId> outer(body.values.size(), -1);
  auto input = body.inputs.begin();
  for (ValueId id : fused.inputs)
    if (id != kAbsent) outer[static_cast<size_t>((input++)->value)] = id;
  for (size_t i = 0; i < body.outputs.size(); ++i)
    outer[static_cast<size_t>(body.outputs[i].value)] = fused.outputs[i];
  std::vector<Node> nodes;
  for (const Node& inner : body.nodes) {
    Node node = inner;
    node.source = fused.source + "." + inner.source;
    node.keeps_float32 = fused.keeps_float32;
    nodes.push_back(std::move(node));
  }
  for (size_t i = 0; i < body.values.size(); ++i) {
    if (outer[i] >= 0) continue;
    outer[i] = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(body.values[i]);
    graph.values.back().name =
        fmt::format("{}.{}", graph.value(fused.outputs[0]).name, body.values[i].name);
  }
  const auto to_outer = [&](ValueId& id) {
    if (id != kAbsent) id = outer[static_cast<size_t>(id)];
  };
  for (Node& node : nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), to_outer);
    std::for_each(node.outputs.begin(), node.outputs.end(), to_outer);
  }
  const auto at = graph.nodes.begin() + static_cast<std::ptrdiff_t>(node_index);
  graph.nodes.insert(graph.nodes.erase(at), std::make_move_iterator(nodes.begin()),
                     std::make_move_iterator(nodes.end()));
}

}  // namespace vitro
