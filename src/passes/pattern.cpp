#include "passes/pattern.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_set>

#include "core/check.h"
#include "ir/corners.h"
#include "ir/fused_ops.h"
#include "ir/op_info.h"

namespace vitro {

Matcher::Matcher(Graph& graph)
    : graph_(graph),
      producers_(producers(graph)),
      consumers_(consumers(graph)),
      uses_(graph.values.size()) {
  for (size_t i = 0; i < uses_.size(); ++i) uses_[i] = consumers_[i].size();
  for (const Port& port : graph.outputs) ++uses_[static_cast<size_t>(port.value)];
}

Node* Matcher::producer(ValueId id) const {
  const int index = producers_[static_cast<size_t>(id)];
  return index < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(index)];
}

bool Matcher::holds(const std::function<bool(const std::vector<TensorType>&)>& condition) const {
  std::vector<TensorType> usual;
  for (const Value& value : graph_.values) usual.push_back(value.type);
  if (!condition(usual)) return false;
  if (!corners_) corners_ = types_at_corners(graph_);
  return std::all_of(corners_->begin(), corners_->end(), [&](const std::vector<TensorType>& types) {
    return types.empty() || condition(types);
  });
}

bool Matcher::same_types(ValueId a, ValueId b) const {
  return holds([&](const std::vector<TensorType>& types) {
    return types[static_cast<size_t>(a)] == types[static_cast<size_t>(b)];
  });
}

bool Matcher::is_linear_with_weights(const Node& node) const {
  if (node.kind == OpKind::Linear) return has_weights(graph_, node);
  const auto is_constant = [&](ValueId operand) { return graph_.is_constant(operand); };
  return node.kind == OpKind::QuantizedLinear &&
         std::all_of(node.inputs.begin() + 1, node.inputs.end(), is_constant);
}

Node* Matcher::sole_linear(ValueId id) const {
  Node* node = num_uses(id) == 1 ? producer(id) : nullptr;
  return node && is_linear_with_weights(*node) ? node : nullptr;
}

ValueId Matcher::before_views(ValueId id) const {
  const Node* node = num_uses(id) == 1 ? producer(id) : nullptr;
  const bool is_view = node && op_info(node->kind).has(View) &&
                       last_extent(graph_, node->inputs[0]) == last_extent(graph_, id);
  return is_view ? before_views(node->inputs[0]) : id;
}

Node* Matcher::absorber(ValueId id) const {
  Node* node = num_uses(id) == 1 ? producer(id) : nullptr;
  const bool linear = node && (node->kind == OpKind::Conv || node->kind == OpKind::Linear ||
                               node->kind == OpKind::DepthwiseConv2d);
  return linear && has_weights(graph_, *node) ? node : nullptr;
}

std::vector<Node*> Matcher::readers(ValueId id) const {
  std::vector<Node*> nodes;
  for (int index : consumers_[static_cast<size_t>(id)])
    nodes.push_back(&graph_.nodes[static_cast<size_t>(index)]);
  return nodes;
}

std::vector<Node*> Matcher::linear_readers(ValueId id) const {
  std::vector<Node*> linears;
  return collect_linears(id, linears) ? linears : std::vector<Node*>{};
}

bool Matcher::collect_linears(ValueId id, std::vector<Node*>& linears) const {
  const std::vector<Node*> nodes = readers(id);
  if (nodes.size() != num_uses(id)) return false;  // a graph output
  for (Node* node : nodes) {
    // Another operand than the input reads it, or the input and another one.
    if (std::count(node->inputs.begin(), node->inputs.end(), id) != 1 || node->inputs[0] != id)
      return false;
    if (is_linear_with_weights(*node)) {
      linears.push_back(node);
      continue;
    }
    const bool reshape = op_info(node->kind).has(View);
    // Both extents are those of weights, so that they are equal at every input shape.
    if (!reshape || last_extent(graph_, id) != last_extent(graph_, node->output())) return false;
    if (!collect_linears(node->output(), linears)) return false;
  }
  return true;
}

void rewrite_nodes(Graph& graph, const std::function<bool(const Matcher&, Node&)>& rewrite) {
  const auto rewrite_one = [&] {
    const Matcher matcher(graph);
    return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                       [&](Node& node) { return rewrite(matcher, node); });
  };
  remove_dead(graph);
  while (rewrite_one()) remove_dead(graph);
}

void rewrite_sums(Graph& graph,
                  bool (*fuse)(const Matcher&, Node& add, ValueId x, ValueId branch)) {
  rewrite_nodes(graph, [fuse](const Matcher& matcher, Node& node) {
    if (!is(node, BinaryFunction::Add)) return false;
    const ValueId a = node.inputs[0], b = node.inputs[1];
    return fuse(matcher, node, a, b) || fuse(matcher, node, b, a);
  });
}

bool is_weight(const Graph& graph, ValueId id) {
  const auto& constant = graph.value(id).constant;
  return constant && constant->type.dtype == DType::Float32 && constant->storage.empty() &&
         constant->bytes.data() != nullptr;
}

std::optional<double> scalar_value(const Graph& graph, ValueId id) {
  if (id == kAbsent || !is_weight(graph, id) || num_elements(graph.value(id).type.dims) != 1)
    return std::nullopt;
  return double{graph.value(id).constant->floats()[0]};
}

bool has_weights(const Graph& graph, const Node& node, size_t first) {
  return std::all_of(node.inputs.begin() + static_cast<std::ptrdiff_t>(first), node.inputs.end(),
                     [&](ValueId id) { return id == kAbsent || is_weight(graph, id); });
}

int64_t last_extent(const Graph& graph, ValueId id) {
  const Dims& dims = graph.value(id).type.dims;
  return dims.empty() ? 0 : dims.back();
}

bool keeps_extents(const Graph& graph, const Node& depthwise) {
  const Dims& kernel = graph.value(depthwise.inputs[1]).type.dims;  // [kernel_h, kernel_w, c]
  return kernel[0] % 2 == 1 && kernel[1] % 2 == 1 &&
         depthwise.as<Conv2dAttrs>() == same_padding(kernel);
}

bool keeps_channels(const Graph& graph, const Node& reduce) {
  const auto& attrs = reduce.as<ReduceAttrs>();
  const auto rank = static_cast<int64_t>(graph.value(reduce.inputs[0]).type.dims.size());
  return !attrs.axes.empty() && !attrs.keep_dims &&
         std::none_of(attrs.axes.begin(), attrs.axes.end(),
                      [&](int64_t axis) { return axis == rank - 1 || axis == -1; });
}

bool copies_leading(const Graph& graph, const Node& reshape, size_t count) {
  if (reshape.has_input(1)) return false;  // extents that are computed
  const auto& dims = reshape.as<ReshapeAttrs>().dims;
  const Dims& from = graph.value(reshape.inputs[0]).type.dims;
  const Dims& to = graph.value(reshape.output()).type.dims;
  if (from.size() < count || to.size() < count ||
      !std::equal(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count), to.begin()))
    return false;
  // Beside an inferred extent, a literal one would move elements between axes at other shapes.
  if (std::find(dims.begin(), dims.end(), -1) == dims.end()) return true;
  return std::all_of(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(count),
                     [](int64_t extent) { return extent <= 0; });
}

std::string unique_name(const Graph& graph, const std::string& name) {
  std::unordered_set<std::string_view> taken;
  for (const Value& value : graph.values) taken.insert(value.name);
  std::string result = name;
  for (int i = 1; taken.contains(result); ++i) result = fmt::format("{}.{}", name, i);
  return result;
}

ValueId add_constant(Graph& graph, const std::string& name, Constant constant) {
  const TensorType type = constant.type;
  graph.values.push_back({unique_name(graph, name), type, std::move(constant)});
  return static_cast<ValueId>(graph.values.size() - 1);
}

namespace {

std::string bias_name(const Graph& graph, const Node& node) {
  std::string name = graph.value(node.inputs[1]).name;
  if (name.ends_with(".weight")) name.resize(name.size() - std::string_view(".weight").size());
  return name + ".bias";
}

size_t count_uses(const Graph& graph, ValueId id) {
  auto uses = std::count_if(graph.outputs.begin(), graph.outputs.end(),
                            [&](const Port& port) { return port.value == id; });
  for (const Node& node : graph.nodes)
    uses += std::count(node.inputs.begin(), node.inputs.end(), id);
  return static_cast<size_t>(uses);
}

}  // namespace

void set_weight(Graph& graph, Node& node, size_t index, Constant constant) {
  if (!node.has_input(index)) {
    node.inputs.resize(std::max(node.inputs.size(), index + 1), kAbsent);
    node.inputs[index] = add_constant(graph, bias_name(graph, node), std::move(constant));
    return;
  }
  const ValueId old = node.inputs[index];
  if (count_uses(graph, old) == 1) {
    Value& value = graph.value(old);
    value.type = constant.type;
    value.constant = std::move(constant);
    return;
  }
  const std::string name = graph.value(old).name;
  node.inputs[index] = add_constant(graph, name, std::move(constant));
}

ValueId bias_or_zeros(Graph& graph, const Node& node) {
  if (node.has_input(2)) return node.inputs[2];
  const std::vector<float> zeros(static_cast<size_t>(last_extent(graph, node.output())));
  return add_constant(graph, bias_name(graph, node),
                      make_constant({last_extent(graph, node.output())}, zeros));
}

std::vector<ValueId> with_quantization(std::vector<ValueId> operands, const Node& first,
                                       const Node& second) {
  for (const Node* node : {&first, &second})
    for (size_t i = 3; i < 6; ++i)
      operands.push_back(node->kind == OpKind::QuantizedLinear ? node->inputs[i] : kAbsent);
  while (operands.back() == kAbsent) operands.pop_back();
  return operands;
}

void become_fused(Graph& graph, Node& node, OpKind kind, Attrs attrs, std::vector<ValueId> inputs) {
  node.kind = kind;
  node.attrs = std::move(attrs);
  node.inputs = std::move(inputs);
  node.body = std::make_shared<Graph>(fused_body(graph, node));
}

}  // namespace vitro
