#include <algorithm>

#include "ir/op_info.h"
#include "passes/extents.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// Results that are known and never change become constants.
void fold_known(Graph& graph, const Extents& extents) {
  std::vector<std::pair<ValueId, ValueId>> folded;
  for (const Node& node : graph.nodes) {
    const ValueId id = node.outputs[0];
    if (node.outputs.size() != 1 || id == kAbsent) continue;
    const DType dtype = graph.value(id).type.dtype;
    const bool is_integer = dtype == DType::Int64 || dtype == DType::Int32 || dtype == DType::Bool;
    const Contents contents = is_integer ? extents.fixed_contents(id) : std::nullopt;
    if (!contents) continue;
    const Dims dims = graph.value(id).type.dims;
    Value value{graph.value(id).name + ".known", {dtype, dims}, std::nullopt};
    value.constant = make_constant(dims, std::span<const int64_t>(*contents), dtype);
    folded.emplace_back(id, static_cast<ValueId>(graph.values.size()));
    graph.values.push_back(std::move(value));
  }
  for (const auto& [from, to] : folded) replace_uses(graph, from, to);
}

/// A reshape to extents that are computed, which its attributes can say as well.
void fold_reshape(const Extents& extents, Node& node) {
  if (!node.has_input(1)) return;
  std::vector<Dims> from, to;
  for (size_t shape = 0; shape < extents.count(); ++shape) {
    from.push_back(extents.dims(shape, node.inputs[0]));
    to.push_back(extents.dims(shape, node.output()));
  }
  const auto dims = reshape_dims(from, to);
  if (!dims) return;
  node.inputs.resize(1);
  node.attrs = ReshapeAttrs{*dims};
}

/// Operands of a slice, an expand or a top_k that never change.
void fold_lists(Graph& graph, Node& node) {
  const auto list = [&](size_t i) -> Contents {
    if (!node.has_input(i) || !graph.is_constant(node.inputs[i])) return std::nullopt;
    return contents_of(*graph.value(node.inputs[i]).constant);
  };
  if (node.kind == OpKind::Slice) {
    const Contents begins = list(1), ends = list(2);
    if (!begins || !ends) return;
    auto attrs = node.as<SliceAttrs>();
    attrs.begins = *begins;
    attrs.ends = *ends;
    const auto is_large = [](int64_t value) { return std::abs(value) > kMaxElements; };
    for (Ints* values : {&attrs.begins, &attrs.ends})
      if (std::any_of(values->begin(), values->end(), is_large)) return;
    node.attrs = attrs;
    node.inputs.resize(1);
  } else if (node.kind == OpKind::TopK) {
    const Contents k = list(1);
    if (!k) return;
    auto attrs = node.as<TopKAttrs>();
    attrs.k = k->front();
    node.attrs = attrs;
    node.inputs.resize(1);
  } else if (const Contents dims = list(1)) {
    node.attrs = DimsAttrs{*dims};
    node.inputs.resize(1);
  }
}

}  // namespace

void fold_shapes(Graph& graph) {
  remove_dead(graph);
  const Extents extents(graph);
  for (Node& node : graph.nodes)
    if (node.kind == OpKind::Reshape) fold_reshape(extents, node);
  fold_known(graph, extents);
  for (Node& node : graph.nodes)
    if (node.kind == OpKind::Slice || node.kind == OpKind::Expand || node.kind == OpKind::Tile ||
        node.kind == OpKind::TopK)
      fold_lists(graph, node);
  remove_dead(graph);
}

}  // namespace vitro
