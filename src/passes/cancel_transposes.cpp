#include <algorithm>
#include <numeric>

#include "ir/op_info.h"
#include "passes/passes.h"
#include "passes/pattern.h"
#include "passes/sinker.h"

namespace vitro {

bool is_identity(const Ints& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  return true;
}

Ints inverse_of(const Ints& perm) {
  Ints inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  return inverse;
}

Sinker::Sinker(Graph& graph)
    : graph_(graph),
      extents_(graph),
      producers_(graph.values.size(), -1),
      aliases_(graph.values.size()) {
  std::iota(aliases_.begin(), aliases_.end(), 0);
  for (const Value& value : graph.values) names_.insert(value.name);
}

const Node* Sinker::producer(ValueId id) const {
  const int index = producers_[static_cast<size_t>(id)];
  return index < 0 ? nullptr : &nodes_[static_cast<size_t>(index)];
}

const Ints* Sinker::perm_of(ValueId id) const {
  const Node* node = id == kAbsent ? nullptr : producer(id);
  return node && node->kind == OpKind::Transpose ? &node->as<TransposeAttrs>().perm : nullptr;
}

std::vector<Dims> Sinker::dims_of(ValueId id) const {
  std::vector<Dims> dims;
  for (size_t shape = 0; shape < extents_.count(); ++shape)
    dims.push_back(extents_.dims(shape, id));
  return dims;
}

std::optional<Ints> Sinker::reshape_between(ValueId from, ValueId to) const {
  return reshape_dims(dims_of(from), dims_of(to));
}

ValueId Sinker::constant(const std::string& name, Constant constant) {
  const ValueId id = add_value(name);
  graph_.value(id).type = constant.type;
  graph_.value(id).constant = std::move(constant);
  return id;
}

ValueId Sinker::add_value(const std::string& name) {
  std::string unique = name;
  for (int i = 1; !names_.insert(unique).second; ++i) unique = fmt::format("{}.{}", name, i);
  graph_.values.push_back({std::move(unique), {}, std::nullopt});
  producers_.push_back(-1);
  aliases_.push_back(static_cast<ValueId>(aliases_.size()));
  return aliases_.back();
}

ValueId Sinker::integers(const Ints& values, const Node& like) {
  return constant(like.source + ".axes", make_constant({static_cast<int64_t>(values.size())},
                                                       std::span<const int64_t>(values)));
}

std::vector<ValueId> Sinker::emit(Node node) {
  std::vector<ValueId> results;
  for (ValueId& id : node.outputs) {
    if (id != kAbsent) id = add_value(graph_.value(id).name + ".moved");
    if (id != kAbsent) producers_.back() = static_cast<int>(nodes_.size());
    results.push_back(id);
  }
  extents_.add(graph_, node);
  const Inference& usual = extents_.usual();
  for (const ValueId id : results)
    if (id != kAbsent) graph_.value(id).type = usual.types[static_cast<size_t>(id)];
  nodes_.push_back(std::move(node));
  return results;
}

ValueId Sinker::emit(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, const Node& like) {
  return emit(
      Node{kind, std::move(attrs), std::move(inputs), {like.outputs[0]}, like.source, nullptr})[0];
}

void Sinker::alias(ValueId id, ValueId same) {
  for (ValueId& value : aliases_)
    if (value == id) value = same;
}

void Sinker::replace(const Node& node, size_t i, ValueId made, const Ints& perm) {
  if (node.outputs[i] == kAbsent) return;
  if (is_identity(perm)) {
    alias(node.outputs[i], made);
    return;
  }
  Node transpose{OpKind::Transpose, TransposeAttrs{perm}, {made},
                 {node.outputs[i]}, node.source,          nullptr};
  add_transpose(std::move(transpose));
}

/// A transpose of a transpose is one.
void Sinker::add_transpose(Node node) {
  Ints perm = node.as<TransposeAttrs>().perm;
  if (const Ints* before = perm_of(node.inputs[0])) {
    for (int64_t& axis : perm) axis = (*before)[static_cast<size_t>(axis)];
    node.inputs[0] = untransposed(node.inputs[0]);
    node.attrs = TransposeAttrs{perm};
  }
  const ValueId x = node.inputs[0];
  if (is_identity(perm)) {
    alias(node.output(), x);
    return;
  }
  if (!sinks_ && add_as_view(node)) return;
  producers_[static_cast<size_t>(node.output())] = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(node));
}

/// Where only axes of extent 1 move, elements stay where they are.
bool Sinker::add_as_view(const Node& transpose) {
  const ValueId x = transpose.inputs[0];
  Ints moved;
  for (const int64_t axis : transpose.as<TransposeAttrs>().perm)
    if (!extents_.is_one(x, static_cast<size_t>(axis))) moved.push_back(axis);
  const auto dims = reshape_between(x, transpose.output());
  if (!std::is_sorted(moved.begin(), moved.end()) || !dims) return false;
  Node view = transpose;
  view.kind = OpKind::Reshape;
  view.attrs = ReshapeAttrs{*dims};
  add_view(std::move(view));
  return true;
}

/// A view of a view is one, and none where the extents are those that it began with.
void Sinker::add_view(Node node) {
  const auto is_plain = [](const Node* view) {
    return view && (view->kind == OpKind::Squeeze || view->kind == OpKind::Unsqueeze ||
                    (view->kind == OpKind::Reshape && !view->has_input(1)));
  };
  const auto is_view = [](const Node* view) { return view && op_info(view->kind).has(View); };
  for (ValueId base = node.inputs[0];; base = producer(base)->inputs[0]) {
    if (extents_.same_dims(base, node.output())) {
      alias(node.output(), base);
      return;
    }
    if (!is_view(producer(base))) break;
  }
  if (is_plain(&node)) {
    ValueId base = node.inputs[0];
    while (is_plain(producer(base))) base = producer(base)->inputs[0];
    const auto dims = base == node.inputs[0] ? std::nullopt : reshape_between(base, node.output());
    if (dims) {
      node.kind = OpKind::Reshape;
      node.attrs = ReshapeAttrs{*dims};
      node.inputs = {base};
    }
  }
  producers_[static_cast<size_t>(node.output())] = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(node));
}

void Sinker::pass() {
  const std::vector<Node> before = std::exchange(nodes_, {});
  std::fill(producers_.begin(), producers_.end(), -1);
  for (Node node : before) {
    for (ValueId& id : node.inputs)
      if (id != kAbsent) id = resolve(id);
    if (node.kind == OpKind::Transpose) {
      add_transpose(std::move(node));
    } else if (sinks_ && (sink(node) || sink_view(node))) {
      continue;
    } else if (op_info(node.kind).has(View)) {
      add_view(std::move(node));
    } else {
      for (const ValueId id : node.outputs)
        if (id != kAbsent) producers_[static_cast<size_t>(id)] = static_cast<int>(nodes_.size());
      nodes_.push_back(std::move(node));
    }
  }
}

void Sinker::run() {
  nodes_ = std::move(graph_.nodes);
  pass();
  pass();  // again: ops that went before a transpose may read a view there
  // Where no more will move, what is left may be a view.
  sinks_ = false;
  pass();
  graph_.nodes = std::move(nodes_);
  for (Port& port : graph_.outputs) port.value = resolve(port.value);
}

void cancel_transposes(Graph& graph) {
  remove_dead(graph);
  Sinker(graph).run();
  remove_dead(graph);
}

}  // namespace vitro
