#include <algorithm>

#include "ir/op_info.h"
#include "passes/pattern.h"
#include "passes/sinker.h"

// Maps [n, h, w, c] that an exporter makes tokens [n, h * w, c] of, and maps again: behind which
// ops such a view may go, until it meets its inverse.
namespace vitro {

/// The map of which a value is the tokens: the same first and last extents, the others in one;
/// kAbsent for another value.
ValueId Sinker::map_of(ValueId id) const {
  const Node* view = id == kAbsent ? nullptr : producer(id);
  if (!view || !op_info(view->kind).has(View)) return kAbsent;
  const ValueId map = view->inputs[0];
  for (size_t shape = 0; shape < extents_.count(); ++shape) {
    const Dims &from = extents_.dims(shape, map), &to = extents_.dims(shape, id);
    if (to.size() != 3 || from.size() <= 3 || from[0] != to[0] || from.back() != to.back())
      return kAbsent;
  }
  return map;
}

bool Sinker::sink_view(const Node& node) {
  switch (node.kind) {
    case OpKind::Unary:
    case OpKind::Linear:
    case OpKind::BatchNorm:
    case OpKind::LayerNorm:
    case OpKind::Clip:
      return sink_channels(node);
    case OpKind::QuantizeLinear:
    case OpKind::DequantizeLinear:
      // A scale for all; that of an axis would have to be another one's.
      return num_elements(extents_.dims(0, node.inputs[1])) == 1 && sink_channels(node);
    case OpKind::Binary:
      return sink_sum(node);
    case OpKind::Reduce:
      return sink_mean(node);
    default:
      return false;
  }
}

/// `node`, reading maps, made tokens again.
bool Sinker::replace_by_tokens(const Node& node, Node moved) {
  const ValueId map = emit(std::move(moved))[0];
  const auto dims = reshape_between(map, node.output());
  if (!dims) return false;
  add_view({OpKind::Reshape, ReshapeAttrs{*dims}, {map}, {node.output()}, node.source, nullptr});
  return true;
}

/// Ops on the channels of each token.
bool Sinker::sink_channels(const Node& node) {
  if (node.kind == OpKind::LayerNorm && node.as<NormAttrs>().axes != 1) return false;
  Node moved = node;
  moved.inputs[0] = map_of(node.inputs[0]);
  return moved.inputs[0] != kAbsent && replace_by_tokens(node, std::move(moved));
}

/// What broadcasts with a map as `id` does with its tokens; kAbsent when there is nothing.
ValueId Sinker::beside_map(ValueId id, ValueId map, ValueId tokens, const Node& node) {
  if (const ValueId own = map_of(id); own != kAbsent)
    return extents_.same_dims(own, map) ? own : kAbsent;
  const Dims& dims = graph_.value(id).type.dims;
  const auto ones = std::count(dims.begin(), dims.end(), 1);
  const bool is_vector = dims.empty() || ones + 1 >= static_cast<std::ptrdiff_t>(dims.size());
  if (graph_.is_constant(id) && is_vector && num_elements(dims) == (dims.empty() ? 1 : dims.back()))
    return id;
  if (!extents_.same_dims(id, tokens)) return kAbsent;
  return emit(OpKind::ReshapeLike, {}, {id, map}, node);
}

bool Sinker::sink_sum(const Node& node) {
  const size_t first = map_of(node.inputs[0]) != kAbsent ? 0 : 1;
  const ValueId tokens = node.inputs[first], map = map_of(tokens);
  if (map == kAbsent || !extents_.same_dims(tokens, node.output())) return false;
  Node moved = node;
  moved.inputs[first] = map;
  moved.inputs[1 - first] = beside_map(node.inputs[1 - first], map, tokens, node);
  return moved.inputs[1 - first] != kAbsent && replace_by_tokens(node, std::move(moved));
}

/// A reduction over all tokens is one over all pixels.
bool Sinker::sink_mean(const Node& node) {
  auto attrs = node.as<ReduceAttrs>();
  const ValueId map = map_of(node.inputs[0]);
  if (map == kAbsent || attrs.keep_dims || attrs.axes.size() != 1) return false;
  const Ints axes = attrs.axes;
  if (axes[0] != 1 && axes[0] != -2) return false;
  attrs.axes.clear();
  const auto last = static_cast<int64_t>(extents_.dims(0, map).size()) - 1;
  for (int64_t axis = 1; axis < last; ++axis) attrs.axes.push_back(axis);
  alias(node.output(), emit(OpKind::Reduce, attrs, {map}, node));
  return true;
}

}  // namespace vitro
