#include "frontend/onnx/table.h"

// Elements at places that are lists of positions.
namespace vitro::onnx {
namespace {

/// Extent `axis` of a shape, [1].
ValueId extent_of(Call& call, ValueId shape, int64_t axis) {
  return call.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape});
}

constexpr int64_t kMostPlaces = int64_t{1} << 24;

}  // namespace

/// y[i...] = x[indices[i..., 0], indices[i..., 1], ...]: rows of x with its first axes as one. The
/// first batch_dims axes are those of x and indices alike.
Results import_gather_nd(Call& call) {
  const int64_t batch_dims = call.integer("batch_dims", 0);
  const int64_t rank = call.rank(0), count = call.dims(1).empty() ? 0 : call.dims(1).back();
  if (count < 1 || batch_dims < 0 || batch_dims >= call.rank(1) || count > rank - batch_dims)
    call.invalid(fmt::format("indices {} for {} with batch_dims {}", to_string(call.dims(1)),
                             to_string(call.dims(0)), batch_dims));
  if (count == 1 && batch_dims > 0)
    return {call.op(OpKind::Gather, GatherAttrs{batch_dims, batch_dims},
                    {call.in(0), call.squeeze(call.in(1), {-1})})};
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  const ValueId indices = call.cast(call.in(1), DType::Int64);
  ValueId rows = kAbsent;
  for (int64_t i = 0; i < count; ++i) {
    const ValueId position = call.op(OpKind::Gather, GatherAttrs{-1},
                                     {indices, call.squeeze(call.integers_of({i}), {0})});
    const ValueId extent = call.squeeze(extent_of(call, shape, batch_dims + i), {0});
    const ValueId wrapped =
        call.op(BinaryFunction::Mod, position, extent);  // below 0: from the end
    rows = rows == kAbsent
               ? wrapped
               : call.op(BinaryFunction::Add, call.op(BinaryFunction::Mul, rows, extent), wrapped);
  }
  std::vector<ValueId> dims;
  if (batch_dims > 0) dims.push_back(call.op(OpKind::Slice, slice_of(0, 0, batch_dims), {shape}));
  dims.push_back(call.integers_of({-1}));
  const int64_t behind = batch_dims + count;
  if (behind < rank) dims.push_back(call.op(OpKind::Slice, slice_of(0, behind, rank), {shape}));
  const ValueId flat = call.op(OpKind::Reshape, ReshapeAttrs{},
                               {call.in(0), call.op(OpKind::Concat, AxisAttrs{0}, dims)});
  return {call.op(OpKind::Gather, GatherAttrs{batch_dims, batch_dims}, {flat, rows})};
}

namespace {

/// x with other rows at some places. Where these are known, each row is one of the updates, or
/// stays, which every backend can choose.
ValueId scattered(Call& call, ValueId x, ValueId indices, ValueId values) {
  const auto known = call.known_ints_of(indices);
  if (!known || !call.is_fixed(0)) return call.op(OpKind::ScatterND, {}, {x, indices, values});
  const Ints& places = *known;
  const Dims dims = call.dims_of(x), of_indices = call.dims_of(indices);
  const int64_t count = of_indices.empty() ? 0 : of_indices.back();
  if (count < 1 || count > static_cast<int64_t>(dims.size()))
    call.invalid(fmt::format("indices {} for {}", to_string(of_indices), to_string(dims)));
  const Dims lead(dims.begin(), dims.begin() + count), rest(dims.begin() + count, dims.end());
  const int64_t num_rows = num_elements(lead);
  if (num_rows < 1 || num_rows > kMostPlaces) call.unsupported(fmt::format("{} places", num_rows));
  Ints update_of(static_cast<size_t>(num_rows), 0), is_updated(static_cast<size_t>(num_rows), 0);
  for (size_t i = 0; i < places.size() / static_cast<size_t>(count); ++i) {
    int64_t row = 0;
    for (int64_t axis = 0; axis < count; ++axis) {
      const int64_t extent = lead[static_cast<size_t>(axis)];
      int64_t place = places[i * static_cast<size_t>(count) + static_cast<size_t>(axis)];
      if (place < 0) place += extent;
      if (place < 0 || place >= extent)
        call.invalid(fmt::format("position {} of an axis of {}", place, extent));
      row = row * extent + place;
    }
    update_of[static_cast<size_t>(row)] = static_cast<int64_t>(i);  // of several the last one
    is_updated[static_cast<size_t>(row)] = 1;
  }
  if (places.empty()) return x;
  Dims updates{-1}, mask{num_rows}, rows{num_rows};
  updates.insert(updates.end(), rest.begin(), rest.end());
  rows.insert(rows.end(), rest.begin(), rest.end());
  mask.insert(mask.end(), rest.size(), 1);
  const ValueId taken = call.op(OpKind::Gather, GatherAttrs{0},
                                {call.reshape(values, updates), call.integers_of(update_of)});
  const ValueId chosen = call.reshape(call.cast(call.integers_of(is_updated), DType::Bool), mask);
  return call.reshape(call.op(OpKind::Where, {}, {chosen, taken, call.reshape(x, rows)}), dims);
}

}  // namespace

Results import_scatter_nd(Call& call) {
  if (call.text("reduction", "none") != "none") call.unsupported("with a reduction");
  return {scattered(call, call.in(0), call.in(1), call.in(2))};
}

/// Elements of x at positions along one axis; along the others they are where their updates are.
Results import_scatter_elements(Call& call) {
  if (call.text("reduction", "none") != "none") call.unsupported("with a reduction");
  const int64_t rank = call.rank(0), axis = call.axis(call.integer("axis", 0), rank);
  if (rank < 1 || call.rank(1) != rank)
    call.invalid(
        fmt::format("indices {} for {}", to_string(call.dims(1)), to_string(call.dims(0))));
  const ValueId indices = call.cast(call.in(1), DType::Int64);
  const ValueId shape = call.op(OpKind::Shape, {}, {indices});
  const ValueId zero = call.squeeze(call.integers_of({0}), {0}),
                one = call.squeeze(call.integers_of({1}), {0});
  std::vector<ValueId> places;
  for (int64_t i = 0; i < rank; ++i) {
    ValueId along = indices;
    if (i != axis) {
      const ValueId extent = call.squeeze(extent_of(call, shape, i), {0});
      Ints dims(static_cast<size_t>(rank), 1);
      dims[static_cast<size_t>(i)] = -1;
      const ValueId line = call.reshape(call.op(OpKind::Range, {}, {zero, extent, one}), dims);
      along = call.op(OpKind::Expand, DimsAttrs{}, {line, shape});
    }
    places.push_back(call.unsqueeze(along, {-1}));
  }
  return {scattered(call, call.in(0), call.op(OpKind::Concat, AxisAttrs{-1}, places), call.in(2))};
}

}  // namespace vitro::onnx
