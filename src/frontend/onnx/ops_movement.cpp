#include <algorithm>
#include <numeric>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

Ints all_axes(int64_t rank) {
  Ints axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// A list that was an attribute before it became input i.
std::optional<Ints> attribute_or_input(Call& call, const char* name, size_t i, int64_t since) {
  if (call.opset() < since) return call.integers(name);
  if (!call.has(i)) return std::nullopt;
  return call.ints(i, name);
}

}  // namespace

Results import_identity(Call& call) { return {call.in(0)}; }

Results import_transpose(Call& call) {
  Ints perm = all_axes(call.rank(0));
  std::reverse(perm.begin(), perm.end());
  if (const auto given = call.integers("perm")) perm = *given;
  return {call.op(OpKind::Transpose, TransposeAttrs{perm}, {call.in(0)})};
}

Results import_reshape(Call& call) {
  const bool allow_zero = call.flag("allowzero", false);
  if (const auto dims = call.known_ints(1)) {
    if (allow_zero && std::count(dims->begin(), dims->end(), 0) > 0) {
      // An extent of 0 makes the result empty: the other ones are what it is.
      if (std::count(dims->begin(), dims->end(), -1) > 0) call.invalid("extents 0 and -1");
      if (num_elements(call.dims(0)) != 0) call.invalid("an extent of 0 for elements");
      return {call.op(OpKind::ConstantOfShape, FillAttrs{call.dtype(0), 0.0, *dims}, {})};
    }
    return {call.reshape(call.in(0), *dims)};
  }
  // Where extents are computed from shapes a 0 is one of a tensor without elements, which no shape
  // that a model is compiled for has.
  return {
      call.op(OpKind::Reshape, ReshapeAttrs{}, {call.in(0), call.cast(call.in(1), DType::Int64)})};
}

Results import_flatten(Call& call) {
  const int64_t rank = call.rank(0);
  int64_t axis = call.integer("axis", 1);
  if (axis < -rank || axis > rank) call.invalid(fmt::format("axis {} of rank {}", axis, rank));
  if (axis < 0) axis += rank;
  if (axis == 0) return {call.reshape(call.in(0), {1, -1})};
  if (axis == 1 && num_elements(call.dims(0)) > 0) return {call.reshape(call.in(0), {0, -1})};
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  const ValueId head = call.op(OpKind::Slice, slice_of(0, 0, axis), {shape});
  const ValueId tail = call.op(OpKind::Slice, slice_of(0, axis, rank), {shape});
  const ValueId dims = call.op(
      OpKind::Concat, AxisAttrs{0},
      {call.reduce(ReduceFunction::Prod, head, {0}, true),
       axis == rank ? call.integers_of({1}) : call.reduce(ReduceFunction::Prod, tail, {0}, true)});
  return {call.op(OpKind::Reshape, ReshapeAttrs{}, {call.in(0), dims})};
}

Results import_squeeze(Call& call) {
  // Without a list every extent of 1 goes, whichever those are at a shape.
  return {call.squeeze(call.in(0), attribute_or_input(call, "axes", 1, 13).value_or(Ints{}))};
}

Results import_unsqueeze(Call& call) {
  const auto axes = attribute_or_input(call, "axes", 1, 13);
  if (!axes) call.invalid("has no axes");
  return {call.unsqueeze(call.in(0), *axes)};
}

Results import_slice_1(Call& call) {
  const auto begins = call.integers("starts"), ends = call.integers("ends");
  if (!begins || !ends) call.invalid("has no starts or no ends");
  const Ints axes = call.integers("axes").value_or(all_axes(static_cast<int64_t>(begins->size())));
  return {call.op(OpKind::Slice, SliceAttrs{axes, *begins, *ends, {}}, {call.in(0)})};
}

Results import_slice(Call& call) {
  const auto begins = call.known_ints(1), ends = call.known_ints(2);
  const auto count = num_elements(call.dims(1));
  const Ints axes = call.has(3) ? call.ints(3, "axes") : all_axes(count);
  const Ints steps = call.has(4) ? call.ints(4, "steps") : Ints{};
  if (begins && ends)
    return {call.op(OpKind::Slice, SliceAttrs{axes, *begins, *ends, steps}, {call.in(0)})};
  return {call.op(
      OpKind::Slice, SliceAttrs{axes, {}, {}, steps},
      {call.in(0), call.cast(call.in(1), DType::Int64), call.cast(call.in(2), DType::Int64)})};
}

Results import_concat(Call& call) {
  std::vector<ValueId> parts;
  for (size_t i = 0; i < call.num_inputs(); ++i) parts.push_back(call.in(i));
  return {call.op(OpKind::Concat, AxisAttrs{call.integer("axis")}, parts)};
}

Results import_split(Call& call) {
  SplitAttrs attrs{call.integer("axis", 0), {}};
  const auto sizes = attribute_or_input(call, "split", 1, 13);
  if (sizes) attrs.sizes = *sizes;
  const int64_t count = call.integer("num_outputs", static_cast<int64_t>(call.num_outputs()));
  if (count != static_cast<int64_t>(call.num_outputs()))
    call.invalid(fmt::format("num_outputs {} of {}", count, call.num_outputs()));
  return call.ops(OpKind::Split, attrs, {call.in(0)}, call.num_outputs());
}

namespace {

PadMode pad_mode(Call& call) {
  const std::string mode = call.text("mode", "constant");
  if (mode == "constant") return PadMode::Constant;
  if (mode == "reflect") return PadMode::Reflect;
  if (mode == "edge") return PadMode::Edge;
  if (mode == "wrap") return PadMode::Wrap;
  call.unsupported("mode " + mode);
}

Results pad(Call& call, PadAttrs attrs, const Ints& pads, const Ints& axes) {
  const int64_t rank = call.rank(0);
  if (pads.size() != 2 * axes.size())
    call.invalid(fmt::format("{} pads for {} axes", pads.size(), axes.size()));
  attrs.begin.assign(static_cast<size_t>(rank), 0);
  attrs.end = attrs.begin;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(call.axis(axes[i], rank));
    attrs.begin[axis] = pads[i];
    attrs.end[axis] = pads[i + axes.size()];
  }
  return {call.op(OpKind::Pad, attrs, {call.in(0)})};
}

}  // namespace

Results import_pad_2(Call& call) {
  PadAttrs attrs{pad_mode(call), {}, {}, static_cast<double>(call.number("value", 0.0f))};
  const auto pads = call.integers("pads");
  if (!pads) call.invalid("has no pads");
  return pad(call, attrs, *pads, all_axes(call.rank(0)));
}

Results import_pad(Call& call) {
  PadAttrs attrs{pad_mode(call), {}, {}, 0.0};
  if (call.has(2)) {
    const auto value = call.numbers(2, "the value");
    if (value.size() != 1) call.invalid(fmt::format("{} values", value.size()));
    attrs.value = value[0];
  }
  const Ints axes = call.has(3) ? call.ints(3, "axes") : all_axes(call.rank(0));
  if (const auto pads = call.known_ints(1)) return pad(call, attrs, *pads, axes);
  if (call.has(3)) call.unsupported("pads that are computed, of some axes");
  return {call.op(OpKind::Pad, attrs, {call.in(0), call.cast(call.in(1), DType::Int64)})};
}

Results import_gather(Call& call) {
  const int64_t axis = call.axis(call.integer("axis", 0), call.rank(0));
  const auto places = call.known_ints(1);
  // Where extents are open, the usual ones say nothing.
  if (places && call.is_fixed(0, static_cast<size_t>(axis))) {
    const int64_t extent = call.dims(0)[static_cast<size_t>(axis)];
    for (const int64_t place : *places)
      if (place < -extent || place >= extent)
        call.invalid(fmt::format("position {} of an axis of {}", place, extent));
  }
  return {call.op(OpKind::Gather, GatherAttrs{axis}, {call.in(0), call.in(1)})};
}

Results import_gather_elements(Call& call) {
  return {call.op(OpKind::GatherElements, AxisAttrs{call.integer("axis", 0)},
                  {call.in(0), call.in(1)})};
}

Results import_expand(Call& call) {
  if (const auto dims = call.known_ints(1))
    return {call.op(OpKind::Expand, DimsAttrs{*dims}, {call.in(0)})};
  return {call.op(OpKind::Expand, DimsAttrs{}, {call.in(0), call.cast(call.in(1), DType::Int64)})};
}

Results import_tile(Call& call) {
  if (const auto repeats = call.known_ints(1))
    return {call.op(OpKind::Tile, DimsAttrs{*repeats}, {call.in(0)})};
  return {call.op(OpKind::Tile, DimsAttrs{}, {call.in(0), call.cast(call.in(1), DType::Int64)})};
}

namespace {

/// The extents of x [n, c, h, w] as operands of reshapes: of axis i, times or divided by a factor.
class Extents {
 public:
  Extents(Call& call, ValueId x) : call_(call), shape_(call.op(OpKind::Shape, {}, {x})) {}
  ValueId of(int64_t axis) {
    return call_.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape_});
  }
  ValueId times(int64_t axis, int64_t factor) {
    return call_.op(BinaryFunction::Mul, of(axis), call_.integers_of({factor}));
  }
  ValueId divided(int64_t axis, int64_t factor) {
    return call_.op(BinaryFunction::Div, of(axis), call_.integers_of({factor}));
  }
  ValueId number(int64_t value) { return call_.integers_of({value}); }
  ValueId reshape(ValueId x, std::vector<ValueId> extents) {
    const ValueId dims = call_.op(OpKind::Concat, AxisAttrs{0}, std::move(extents));
    return call_.op(OpKind::Reshape, ReshapeAttrs{}, {x, dims});
  }

 private:
  Call& call_;
  ValueId shape_;
};

int64_t block_size(Call& call) {
  const int64_t block = call.integer("blocksize");
  if (block < 1 || call.rank(0) != 4)
    call.invalid(fmt::format("blocks of {} in {}", block, to_string(call.dims(0))));
  return block;
}

}  // namespace

Results import_depth_to_space(Call& call) {
  const int64_t block = block_size(call);
  const std::string mode = call.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") call.unsupported("mode " + mode);
  Extents extents(call, call.in(0));
  const ValueId n = extents.of(0), c = extents.divided(1, block * block), h = extents.of(2),
                w = extents.of(3), b = extents.number(block);
  const bool depth_first = mode == "DCR";
  const ValueId blocks = extents.reshape(
      call.in(0), depth_first ? std::vector{n, b, b, c, h, w} : std::vector{n, c, b, b, h, w});
  const ValueId moved =
      call.transpose(blocks, depth_first ? Ints{0, 3, 4, 1, 5, 2} : Ints{0, 1, 4, 2, 5, 3});
  return {extents.reshape(moved, {n, c, extents.times(2, block), extents.times(3, block)})};
}

Results import_space_to_depth(Call& call) {
  const int64_t block = block_size(call);
  Extents extents(call, call.in(0));
  const ValueId n = extents.of(0), h = extents.divided(2, block), w = extents.divided(3, block),
                b = extents.number(block);
  const ValueId blocks = extents.reshape(call.in(0), {n, extents.of(1), h, b, w, b});
  const ValueId moved = call.transpose(blocks, {0, 3, 5, 1, 2, 4});
  return {extents.reshape(moved, {n, extents.times(1, block * block), h, w})};
}

}  // namespace vitro::onnx
