#include <algorithm>

#include "ir/infer.h"

namespace vitro {

TensorType infer_reshape(const Node& node, Operands in) {
  TensorType type{in[0].dtype(), known_list(node, in, 1, node.as<ReshapeAttrs>().dims)};
  int64_t known = 1;
  int inferred = -1;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    int64_t& extent = type.dims[i];
    if (extent == 0) {
      expect(i < in[0].dims().size(), node, "position {} copies an extent that {} lacks", i,
             to_string(in[0].dims()));
      extent = in[0].dims()[i];
    }
    expect(extent >= -1, node, "extent {} at position {}", extent, i);
    expect(extent != -1 || inferred < 0, node, "more than one extent is -1");
    if (extent == -1)
      inferred = static_cast<int>(i);
    else
      expect(!__builtin_mul_overflow(known, extent, &known), node, "the extents overflow");
  }
  const int64_t total = num_elements(in[0].dims());
  if (inferred >= 0 && known > 0) type.dims[static_cast<size_t>(inferred)] = total / known;
  expect(known > 0 && num_elements(type.dims) == total, node, "{} cannot become {}",
         to_string(in[0].dims()), to_string(type.dims));
  return type;
}

TensorType infer_reshape_like(const Node& node, Operands in) {
  expect(num_elements(in[0].dims()) == num_elements(in[1].dims()), node,
         "{} cannot take the shape {}", to_string(in[0].dims()), to_string(in[1].dims()));
  return {in[0].dtype(), in[1].dims()};
}

TensorType infer_transpose(const Node& node, Operands in) {
  const auto& perm = node.as<TransposeAttrs>().perm;
  const size_t rank = in[0].dims().size();
  expect(perm.size() == rank, node, "permutation of {} axes for {}", perm.size(),
         to_string(in[0].dims()));
  TensorType type{in[0].dtype(), Dims(rank)};
  std::vector<bool> seen(rank);
  for (size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<size_t>(perm[i]);
    expect(axis < rank && !seen[axis], node, "axis {} at position {} is not a permutation", perm[i],
           i);
    seen[axis] = true;
    type.dims[i] = in[0].dims()[axis];
  }
  return type;
}

TensorType infer_squeeze(const Node& node, Operands in) {
  const auto axes = axes_of(node, node.as<AxesAttrs>().axes, in[0].rank());
  TensorType type{in[0].dtype(), {}};
  for (size_t i = 0; i < in[0].dims().size(); ++i) {
    const int64_t extent = in[0].dims()[i];
    // Without a list every extent of 1 goes.
    const bool goes =
        axes.empty() ? extent == 1 : std::find(axes.begin(), axes.end(), i) != axes.end();
    expect(!goes || extent == 1, node, "axis {} of {} is not 1", i, to_string(in[0].dims()));
    if (!goes) type.dims.push_back(extent);
  }
  return type;
}

TensorType infer_unsqueeze(const Node& node, Operands in) {
  const Ints& list = node.as<AxesAttrs>().axes;
  const auto rank = in[0].rank() + static_cast<int64_t>(list.size());
  const auto axes = axes_of(node, list, rank);
  TensorType type{in[0].dtype(), {}};
  for (size_t i = 0, next = 0; i < static_cast<size_t>(rank); ++i) {
    const bool comes = std::find(axes.begin(), axes.end(), i) != axes.end();
    type.dims.push_back(comes ? 1 : in[0].dims()[next++]);
  }
  return type;
}

std::vector<SliceRange> slice_ranges(const Node& node, Operands in) {
  const auto& attrs = node.as<SliceAttrs>();
  const Ints &begins = known_list(node, in, 1, attrs.begins),
             &ends = known_list(node, in, 2, attrs.ends);
  const auto axes = axes_of(node, attrs.axes, in[0].rank());
  expect(begins.size() == axes.size() && ends.size() == axes.size() &&
             (attrs.steps.empty() || attrs.steps.size() == axes.size()),
         node, "{} axes, {} begins, {} ends and {} steps", axes.size(), begins.size(), ends.size(),
         attrs.steps.size());
  std::vector<SliceRange> ranges;
  for (int64_t extent : in[0].dims()) ranges.push_back({0, 1, extent});
  for (size_t i = 0; i < axes.size(); ++i) {
    SliceRange& range = ranges[axes[i]];
    const int64_t extent = range.count;
    const int64_t given = attrs.steps.empty() ? 1 : attrs.steps[i];
    expect(given != 0, node, "step 0 of axis {}", axes[i]);
    // A longer step reaches no other element either, and products with it cannot overflow.
    const int64_t step = std::clamp(given, -extent - 1, extent + 1);
    const auto from_start = [&](int64_t position) {
      return position < 0 ? std::max<int64_t>(position, -extent - 1) + extent : position;
    };
    // Backwards, the position before the first one ends the range.
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    const int64_t begin = std::clamp(from_start(begins[i]), std::min(low + (step < 0), high), high);
    const int64_t end = std::clamp(from_start(ends[i]), low, high);
    const int64_t length = step > 0 ? end - begin : begin - end, size = step > 0 ? step : -step;
    range = {begin, step, length <= 0 ? 0 : (length + size - 1) / size};
  }
  return ranges;
}

TensorType infer_slice(const Node& node, Operands in) {
  TensorType type{in[0].dtype(), {}};
  for (const SliceRange& range : slice_ranges(node, in)) type.dims.push_back(range.count);
  return type;
}

TensorType infer_concat(const Node& node, Operands in) {
  TensorType type = *in[0].type;
  const size_t axis = axis_of(node, node.as<AxisAttrs>().axis, in[0].rank());
  for (size_t i = 1; i < in.size(); ++i) {
    expect(in[i] && in[i].rank() == in[0].rank(), node, "operand {} is absent or of another rank",
           i);
    Dims others = in[i].dims();
    others[axis] = type.dims[axis];
    expect(others == type.dims, node, "operand {} is {}, which does not fit {} along axis {}", i,
           to_string(in[i].dims()), to_string(in[0].dims()), axis);
    type.dims[axis] += in[i].dims()[axis];
  }
  return type;
}

Ints split_sizes(const Node& node, int64_t extent) {
  const auto count = static_cast<int64_t>(node.outputs.size());
  Ints sizes = node.as<SplitAttrs>().sizes;
  if (sizes.empty()) {
    const int64_t size = (extent + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(std::clamp<int64_t>(extent - i * size, 0, size));
  }
  int64_t total = 0;
  for (int64_t size : sizes) {
    expect(size >= 0 && size <= extent, node, "size {} of extent {}", size, extent);
    total += size;
  }
  expect(static_cast<int64_t>(sizes.size()) == count && total == extent, node,
         "{} sizes that add up to {}, expected {} of together {}", sizes.size(), total, count,
         extent);
  return sizes;
}

void infer_split(const Node& node, Operands in, std::span<TensorType> results) {
  const size_t axis = axis_of(node, node.as<SplitAttrs>().axis, in[0].rank());
  const Ints sizes = split_sizes(node, in[0].dims()[axis]);
  for (size_t i = 0; i < results.size(); ++i) {
    results[i] = *in[0].type;
    results[i].dims[axis] = sizes[i];
  }
}

TensorType infer_pad(const Node& node, Operands in) {
  const auto& attrs = node.as<PadAttrs>();
  TensorType type = *in[0].type;
  const size_t rank = type.dims.size();
  const Ints& both = known_list(node, in, 1, kNoInts);
  expect(in[1] ? both.size() == 2 * rank : attrs.begin.size() == rank && attrs.end.size() == rank,
         node, "padding of another rank than {}", to_string(type.dims));
  for (size_t i = 0; i < rank; ++i) {
    const int64_t begin = in[1] ? both[i] : attrs.begin[i];
    const int64_t end = in[1] ? both[rank + i] : attrs.end[i];
    const int64_t extent = type.dims[i], most = std::max(begin, end);
    const bool mirrors = attrs.mode == PadMode::Reflect;
    expect(std::abs(begin) <= kMaxElements && std::abs(end) <= kMaxElements &&
               extent + begin + end >= 0,
           node, "padding {} and {} of extent {}", begin, end, extent);
    expect(attrs.mode == PadMode::Constant || most <= 0 || extent > (mirrors ? 1 : 0), node,
           "padding {} of extent {} in mode {}", most, extent,
           enum_names(attrs.mode)[static_cast<size_t>(attrs.mode)]);
    type.dims[i] = extent + begin + end;
  }
  return type;
}

namespace {

void expect_indices(const Node& node, const Operand& indices) {
  expect(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32, node,
         "indices are {}, expected I64 or I32", dtype_name(indices.dtype()));
}

/// An axis without elements has no place that an index could name.
void expect_places(const Node& node, const Dims& indices, const Dims& data, size_t axis) {
  const bool names_none = std::find(indices.begin(), indices.end(), 0) != indices.end();
  expect(names_none || data[axis] > 0, node, "indices {} into axis {} of {}, which has no elements",
         to_string(indices), axis, to_string(data));
}

void expect_extents(const Node& node, const Ints& dims) {
  for (int64_t extent : dims)
    expect(extent >= 0 && extent <= kMaxElements, node, "extent {}", extent);
}

}  // namespace

TensorType infer_gather(const Node& node, Operands in) {
  expect_indices(node, in[1]);
  const auto& attrs = node.as<GatherAttrs>();
  const auto axis = static_cast<std::ptrdiff_t>(axis_of(node, attrs.axis, in[0].rank()));
  const Dims &data = in[0].dims(), &indices = in[1].dims();
  expect(attrs.batch_dims >= 0 && attrs.batch_dims <= axis && attrs.batch_dims <= in[1].rank(),
         node, "batch_dims {} for axis {} and indices {}", attrs.batch_dims, axis,
         to_string(indices));
  expect(std::equal(indices.begin(), indices.begin() + attrs.batch_dims, data.begin()), node,
         "indices {} of {}, expected the first {} extents to be equal", to_string(indices),
         to_string(data), attrs.batch_dims);
  expect_places(node, indices, data, static_cast<size_t>(axis));
  TensorType type{in[0].dtype(), {data.begin(), data.begin() + axis}};
  type.dims.insert(type.dims.end(), indices.begin() + attrs.batch_dims, indices.end());
  type.dims.insert(type.dims.end(), data.begin() + axis + 1, data.end());
  return type;
}

TensorType infer_gather_elements(const Node& node, Operands in) {
  expect_indices(node, in[1]);
  const size_t axis = axis_of(node, node.as<AxisAttrs>().axis, in[0].rank());
  expect(in[0].rank() == in[1].rank(), node, "indices {} of {}", to_string(in[1].dims()),
         to_string(in[0].dims()));
  for (size_t i = 0; i < in[0].dims().size(); ++i)
    expect(i == axis || in[1].dims()[i] <= in[0].dims()[i], node, "indices {} of {}",
           to_string(in[1].dims()), to_string(in[0].dims()));
  expect_places(node, in[1].dims(), in[0].dims(), axis);
  return {in[0].dtype(), in[1].dims()};
}

TensorType infer_scatter_nd(const Node& node, Operands in) {
  expect_indices(node, in[1]);
  const Dims &x = in[0].dims(), &places = in[1].dims();
  const int64_t count = places.empty() ? 0 : places.back();
  expect(count >= 1 && count <= in[0].rank(), node, "indices {} of {}", to_string(places),
         to_string(x));
  Dims updates(places.begin(), places.end() - 1);
  updates.insert(updates.end(), x.begin() + count, x.end());
  expect(in[2].dims() == updates, node, "updates are {}, expected {} for indices {} of {}",
         to_string(in[2].dims()), to_string(updates), to_string(places), to_string(x));
  for (size_t axis = 0; axis < static_cast<size_t>(count); ++axis)
    expect_places(node, places, x, axis);
  return *in[0].type;
}

TensorType infer_expand(const Node& node, Operands in) {
  const Ints& dims = known_list(node, in, 1, node.as<DimsAttrs>().dims);
  expect_extents(node, dims);
  return {in[0].dtype(), broadcast_dims(node, in[0].dims(), dims)};
}

TensorType infer_tile(const Node& node, Operands in) {
  const Ints& repeats = known_list(node, in, 1, node.as<DimsAttrs>().dims);
  expect_extents(node, repeats);
  expect(repeats.size() == in[0].dims().size(), node, "{} repeats for {}", repeats.size(),
         to_string(in[0].dims()));
  TensorType type = *in[0].type;
  for (size_t i = 0; i < repeats.size(); ++i)
    expect(!__builtin_mul_overflow(type.dims[i], repeats[i], &type.dims[i]), node,
           "{} repeats overflow", repeats[i]);
  return type;
}

TensorType infer_shape(const Node&, Operands in) { return {DType::Int64, {in[0].rank()}}; }

TensorType infer_range(const Node& node, Operands in) {
  int64_t values[3];  // start, limit, delta
  for (size_t i = 0; i < 3; ++i) {
    const Ints& known = known_list(node, in, i, kNoInts);
    expect(known.size() == 1, node, "operand {} has {} elements, expected one", i, known.size());
    values[i] = known[0];
    expect(std::abs(values[i]) <= kMaxElements, node, "operand {} is {}", i, values[i]);
  }
  expect(values[2] != 0, node, "delta is 0");
  const int64_t length = values[1] - values[0], delta = values[2];
  const int64_t whole = length / delta + (length % delta != 0 ? 1 : 0);
  return {in[0].dtype(), {(length > 0) == (delta > 0) && length != 0 ? whole : 0}};
}

TensorType infer_constant_of_shape(const Node& node, Operands in) {
  const auto& attrs = node.as<FillAttrs>();
  const Ints& dims = known_list(node, in, 0, attrs.dims);
  expect_extents(node, dims);
  return {attrs.dtype, dims};
}

void infer_foreign(const Node& node, Operands, std::span<TensorType> results) {
  const auto& types = node.as<ForeignAttrs>().results;
  expect(types.size() == results.size(), node, "{} results are declared, expected {}", types.size(),
         results.size());
  std::copy(types.begin(), types.end(), results.begin());
}

}  // namespace vitro
