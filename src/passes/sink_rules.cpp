#include <algorithm>
#include <numeric>

#include "ir/op_info.h"
#include "passes/pattern.h"
#include "passes/sinker.h"

// Behind which ops a transpose may go, and what becomes of their axes.
namespace vitro {
namespace {

int64_t moved_axis(int64_t axis, const Ints& perm) {
  const auto rank = static_cast<int64_t>(perm.size());
  return perm[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
}

/// [n, spatial..., c] -> [n, c, spatial...]
Ints channels_first(size_t rank) {
  Ints perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  if (rank > 2) std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  return perm;
}

/// Where result i comes from when some axes of the operand vanish: `gone` are axes before the
/// transpose.
Ints without(const Ints& perm, const Ints& gone) {
  const auto is_gone = [&](int64_t axis) {
    return std::find(gone.begin(), gone.end(), axis) != gone.end();
  };
  Ints result;
  for (const int64_t axis : perm) {
    if (is_gone(axis)) continue;
    const auto before =
        std::count_if(gone.begin(), gone.end(), [&](int64_t other) { return other < axis; });
    result.push_back(axis - before);
  }
  return result;
}

}  // namespace

bool Sinker::sink(Node& node) {
  const Ints* found = nullptr;
  for (size_t i = 0; i < node.inputs.size() && !found; ++i) found = perm_of(node.inputs[i]);
  if (!found) return false;
  const Ints perm = *found;  // nodes are added
  const bool is_first = perm_of(node.inputs[0]) != nullptr;
  switch (node.kind) {
    case OpKind::Unary:
    case OpKind::Binary:
    case OpKind::Compare:
    case OpKind::Cast:
    case OpKind::Clip:
    case OpKind::Where:
      return sink_elementwise(node, perm);
    case OpKind::Concat:
    case OpKind::Split:
    case OpKind::CumSum:
    case OpKind::TopK:
      return sink_along(node, perm);
    case OpKind::Softmax:
    case OpKind::LogSoftmax:
      return sink_softmax(node, perm);
    case OpKind::QuantizeLinear:
    case OpKind::DequantizeLinear:
      return is_first && sink_quantization(node, perm);
    case OpKind::Linear:
    case OpKind::BatchNorm:
    case OpKind::LayerNorm:
      return is_first && sink_last_axis(node, perm);
    case OpKind::Reduce:
    case OpKind::Arg:
      return sink_reduction(node, perm);
    case OpKind::Slice:
      return is_first && sink_slice(node, perm);
    case OpKind::Pad:
      return is_first && sink_pad(node, perm);
    case OpKind::Expand:
      return is_first && sink_expand(node, perm);
    case OpKind::Gather:
      return is_first && sink_gather(node, perm);
    case OpKind::Squeeze:
      return sink_squeeze(node, perm);
    case OpKind::Resize:
      return is_first && sink_resize(node, perm);
    case OpKind::Shape:
      return sink_shape(node, perm);
    case OpKind::Reshape:
      return is_first && sink_reshape(node, perm);
    default:
      return false;
  }
}

ValueId Sinker::aligned_constant(ValueId id, const Ints& perm) {
  const Constant constant_before = *graph_.value(id).constant;
  if (!constant_before.storage.empty() || constant_before.bytes.data() == nullptr) return kAbsent;
  Constant wide = constant_before;
  wide.type.dims.insert(wide.type.dims.begin(), perm.size() - wide.type.dims.size(), 1);
  Constant moved = permuted(wide, inverse_of(perm));
  // Leading extents of 1 say nothing.
  Dims& dims = moved.type.dims;
  dims.erase(dims.begin(),
             std::find_if(dims.begin(), dims.end(), [](int64_t d) { return d != 1; }));
  return constant(graph_.value(id).name, std::move(moved));
}

ValueId Sinker::aligned(ValueId id, const Ints& perm, const Node& node) {
  if (const Ints* own = perm_of(id)) return *own == perm ? untransposed(id) : kAbsent;
  const size_t rank = extents_.dims(0, id).size(), offset = perm.size() - rank;
  if (graph_.is_constant(id))
    return num_elements(graph_.value(id).type.dims) == 1 ? id : aligned_constant(id, perm);
  // Where axes stay in place, or all are 1.
  bool stays = true, ones = true;
  for (size_t i = 0; i < rank; ++i) {
    stays = stays && perm[offset + i] == static_cast<int64_t>(offset + i);
    ones = ones && extents_.is_one(id, i);
  }
  if (stays || ones) return id;
  if (rank != perm.size()) return kAbsent;
  Ints moved;
  for (const int64_t axis : inverse_of(perm))
    if (!extents_.is_one(id, static_cast<size_t>(axis))) moved.push_back(axis);
  if (!std::is_sorted(moved.begin(), moved.end())) {
    // One transpose for another, after which what follows is channels-last as well.
    return perm == channels_first(rank) && extents_.same_dims(id, node.outputs[0])
               ? emit(OpKind::Transpose, TransposeAttrs{inverse_of(perm)}, {id}, node)
               : kAbsent;
  }
  std::vector<Dims> to;
  for (const Dims& dims : dims_of(id)) {
    to.emplace_back();
    for (const int64_t axis : inverse_of(perm))
      to.back().push_back(dims[static_cast<size_t>(axis)]);
  }
  const auto attrs = reshape_dims(dims_of(id), to);
  return attrs ? emit(OpKind::Reshape, ReshapeAttrs{*attrs}, {id}, node) : kAbsent;
}

bool Sinker::sink_elementwise(const Node& node, const Ints& perm) {
  if (extents_.dims(0, node.outputs[0]).size() != perm.size()) return false;
  Node moved = node;
  for (ValueId& id : moved.inputs) {
    if (id == kAbsent) continue;
    id = aligned(id, perm, node);
    if (id == kAbsent) return false;
  }
  replace(node, 0, emit(std::move(moved))[0], perm);
  return true;
}

/// Ops along one axis, of operands that have the same axes.
bool Sinker::sink_along(const Node& node, const Ints& perm) {
  Node moved = node;
  for (ValueId& id : moved.inputs) {
    if (extents_.dims(0, id).size() != perm.size()) return false;
    if (const Ints* own = perm_of(id)) {
      if (*own != perm) return false;
      id = untransposed(id);
    } else if (graph_.is_constant(id)) {
      const Constant& before = *graph_.value(id).constant;
      if (!before.storage.empty() || before.bytes.data() == nullptr) return false;
      id = constant(graph_.value(id).name, permuted(Constant(before), inverse_of(perm)));
    } else {
      return false;
    }
  }
  const auto move_axis = [&](auto& attrs) {
    if constexpr (requires { attrs.axis; }) attrs.axis = moved_axis(attrs.axis, perm);
  };
  std::visit(move_axis, moved.attrs);
  const std::vector<ValueId> results = emit(std::move(moved));
  for (size_t i = 0; i < results.size(); ++i) replace(node, i, results[i], perm);
  return true;
}

bool Sinker::sink_softmax(const Node& node, const Ints& perm) {
  const SoftmaxAttrs attrs{moved_axis(node.as<SoftmaxAttrs>().axis, perm)};
  replace(node, 0, emit(node.kind, attrs, {untransposed(node.inputs[0])}, node), perm);
  return true;
}

/// A scale for all, or for each position of an axis.
bool Sinker::sink_quantization(const Node& node, const Ints& perm) {
  Node moved = node;
  auto attrs = node.as<QuantizeAttrs>();
  if (num_elements(extents_.dims(0, node.inputs[1])) != 1)
    attrs.axis = moved_axis(attrs.axis, perm);
  moved.attrs = attrs;
  moved.inputs[0] = untransposed(node.inputs[0]);
  replace(node, 0, emit(std::move(moved))[0], perm);
  return true;
}

/// Ops on rows, when these stay rows.
bool Sinker::sink_last_axis(const Node& node, const Ints& perm) {
  const size_t rows =
      node.kind == OpKind::LayerNorm ? static_cast<size_t>(node.as<NormAttrs>().axes) : 1;
  for (size_t i = perm.size() - rows; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  Node moved = node;
  moved.inputs[0] = untransposed(node.inputs[0]);
  replace(node, 0, emit(std::move(moved))[0], perm);
  return true;
}

bool Sinker::sink_reduction(const Node& node, const Ints& perm) {
  Node moved = node;
  moved.inputs[0] = untransposed(node.inputs[0]);
  Ints gone;
  bool keeps = false;
  if (node.kind == OpKind::Reduce) {
    auto attrs = node.as<ReduceAttrs>();
    for (int64_t& axis : attrs.axes) axis = moved_axis(axis, perm);
    std::sort(attrs.axes.begin(), attrs.axes.end());
    gone = attrs.axes;
    if (gone.empty()) gone = perm;
    keeps = attrs.keep_dims;
    moved.attrs = attrs;
  } else {
    auto attrs = node.as<ArgAttrs>();
    attrs.axis = moved_axis(attrs.axis, perm);
    gone = {attrs.axis};
    keeps = attrs.keep_dims;
    moved.attrs = attrs;
  }
  replace(node, 0, emit(std::move(moved))[0], keeps ? perm : without(perm, gone));
  return true;
}

bool Sinker::sink_slice(const Node& node, const Ints& perm) {
  Node moved = node;
  auto attrs = node.as<SliceAttrs>();
  for (int64_t& axis : attrs.axes) axis = moved_axis(axis, perm);
  moved.attrs = attrs;
  moved.inputs[0] = untransposed(node.inputs[0]);
  replace(node, 0, emit(std::move(moved))[0], perm);
  return true;
}

bool Sinker::sink_pad(const Node& node, const Ints& perm) {
  if (node.has_input(1)) return false;
  const auto& before = node.as<PadAttrs>();
  PadAttrs attrs = before;
  for (size_t i = 0; i < perm.size(); ++i) {
    attrs.begin[static_cast<size_t>(perm[i])] = before.begin[i];
    attrs.end[static_cast<size_t>(perm[i])] = before.end[i];
  }
  replace(node, 0, emit(OpKind::Pad, attrs, {untransposed(node.inputs[0])}, node), perm);
  return true;
}

bool Sinker::sink_expand(const Node& node, const Ints& perm) {
  const Ints& dims = node.as<DimsAttrs>().dims;
  if (node.has_input(1) || dims.size() != perm.size()) return false;
  DimsAttrs attrs{dims};
  for (size_t i = 0; i < perm.size(); ++i) attrs.dims[static_cast<size_t>(perm[i])] = dims[i];
  replace(node, 0, emit(OpKind::Expand, attrs, {untransposed(node.inputs[0])}, node), perm);
  return true;
}

bool Sinker::sink_gather(const Node& node, const Ints& perm) {
  const size_t rank = extents_.dims(0, node.inputs[1]).size();
  const auto& attrs = node.as<GatherAttrs>();
  if (rank > 1 || attrs.batch_dims > 0 || perm_of(node.inputs[1])) return false;
  const int64_t axis = moved_axis(attrs.axis, perm);
  const ValueId made =
      emit(OpKind::Gather, GatherAttrs{axis}, {untransposed(node.inputs[0]), node.inputs[1]}, node);
  replace(node, 0, made, rank == 1 ? perm : without(perm, {axis}));
  return true;
}

bool Sinker::sink_squeeze(const Node& node, const Ints& perm) {
  Ints axes = node.as<AxesAttrs>().axes;
  if (axes.empty()) return false;
  for (int64_t& axis : axes) axis = moved_axis(axis, perm);
  std::sort(axes.begin(), axes.end());
  replace(node, 0, emit(OpKind::Squeeze, AxesAttrs{axes}, {untransposed(node.inputs[0])}, node),
          without(perm, axes));
  return true;
}

bool Sinker::sink_resize(const Node& node, const Ints& perm) {
  const auto& before = node.as<ResizeAttrs>();
  ResizeAttrs attrs = before;
  for (size_t i = 0; i < perm.size(); ++i) {
    if (!attrs.sizes.empty()) attrs.sizes[static_cast<size_t>(perm[i])] = before.sizes[i];
    if (!attrs.scales.empty()) attrs.scales[static_cast<size_t>(perm[i])] = before.scales[i];
  }
  std::vector<ValueId> inputs{untransposed(node.inputs[0])};
  if (node.has_input(1))
    inputs.push_back(emit(OpKind::Gather, GatherAttrs{0},
                          {node.inputs[1], integers(inverse_of(perm), node)}, node));
  replace(node, 0, emit(OpKind::Resize, attrs, inputs, node), perm);
  return true;
}

}  // namespace vitro
