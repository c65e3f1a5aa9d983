#include <algorithm>
#include <cmath>
#include <cstring>

#include "frontend/onnx/table.h"

// Ops whose results are made of attributes or shapes.
namespace vitro::onnx {
namespace {

Constant constant_of(Call& call, const Tensor& tensor) {
  Entry entry{kAbsent, &tensor, false};
  return *call.importer().known(entry, call.source());
}

template <typename T>
Constant list_of(const std::vector<T>& values, bool is_scalar) {
  const Dims dims = is_scalar ? Dims{} : Dims{static_cast<int64_t>(values.size())};
  return make_constant(dims, std::span<const T>(values));
}

/// The positions along an axis of x, shaped so that they broadcast along it: [.., extent, 1, ..].
ValueId positions(Call& call, ValueId x, int64_t axis, int64_t rank) {
  const ValueId shape = call.op(OpKind::Shape, {}, {x});
  const ValueId extent =
      call.squeeze(call.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape}), {0});
  const ValueId zero = call.squeeze(call.integers_of({0}), {0}),
                one = call.squeeze(call.integers_of({1}), {0});
  const ValueId range = call.op(OpKind::Range, {}, {zero, extent, one});
  return axis == rank - 1 ? range : call.unsqueeze(range, {1});
}

/// x where column - row is at least, or at most, `diagonal` of the two innermost axes, else 0.
ValueId triangle(Call& call, ValueId x, ValueId diagonal, bool upper) {
  const auto rank = static_cast<int64_t>(call.dims_of(x).size());
  if (rank < 2) call.invalid("expected matrices");
  const ValueId rows = positions(call, x, rank - 2, rank),
                columns = positions(call, x, rank - 1, rank);
  const ValueId distance = call.op(BinaryFunction::Sub, columns, rows);
  const ValueId inside = call.op(
      upper ? CompareFunction::GreaterOrEqual : CompareFunction::LessOrEqual, distance, diagonal);
  const DType dtype = call.dtype_of_value(x);
  return call.op(OpKind::Where, {}, {inside, x, call.scalar(0, dtype)});
}

}  // namespace

Results import_constant(Call& call) {
  Constant constant;
  if (const Tensor* tensor = call.tensor("value")) {
    constant = constant_of(call, *tensor);
  } else if (call.has_attribute("value_float")) {
    constant = list_of<float>({call.number("value_float", 0)}, true);
  } else if (const auto floats = call.floats("value_floats")) {
    constant = list_of(*floats, false);
  } else if (call.has_attribute("value_int")) {
    constant = list_of<int64_t>({call.integer("value_int", 0)}, true);
  } else if (const auto integers = call.integers("value_ints")) {
    constant = list_of(*integers, false);
  } else {
    call.unsupported("its value is no dense tensor of numbers");
  }
  return {call.importer().constant(call.source(), std::move(constant))};
}

Results import_constant_of_shape(Call& call) {
  FillAttrs attrs;
  if (const Tensor* tensor = call.tensor("value")) {
    const Constant value = constant_of(call, *tensor);
    if (num_elements(value.type.dims) != 1) call.invalid("its value has not one element");
    attrs.dtype = value.type.dtype;
    const ValueId wide =
        call.cast(call.importer().constant(call.source() + ".value", value), DType::Float64);
    const auto& known = call.builder().value(wide).constant;
    if (!known) call.unsupported("its value is not known");
    std::memcpy(&attrs.value, known->bytes.data(), sizeof(double));
  }
  if (const auto dims = call.known_ints(0)) {
    attrs.dims = *dims;
    return {call.op(OpKind::ConstantOfShape, attrs, {})};
  }
  return {call.op(OpKind::ConstantOfShape, attrs, {call.in(0)})};
}

Results import_shape(Call& call) {
  const int64_t rank = call.rank(0);
  const auto position = [&](const char* name, int64_t usual) {
    const int64_t given = call.integer(name, usual);
    return std::clamp<int64_t>(given < 0 ? given + rank : given, 0, rank);
  };
  const int64_t begin = position("start", 0), end = position("end", rank);
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  if (begin == 0 && end == rank) return {shape};
  return {call.op(OpKind::Slice, slice_of(0, begin, std::max(begin, end)), {shape})};
}

Results import_size(Call& call) {
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  if (call.rank(0) == 0) return {call.squeeze(call.integers_of({1}), {0})};
  return {call.reduce(ReduceFunction::Prod, shape, {0}, false)};
}

namespace {

constexpr int64_t kMostRange = 1 << 20;  // numbers that an import writes down

/// A range of floats, whose extent no arithmetic on shapes tells.
ValueId range_of_floats(Call& call) {
  const auto number = [&](size_t i, const char* what) {
    const auto values = call.numbers(i, what);
    if (values.size() != 1)
      call.invalid(fmt::format("{} (input {}) has {} elements", what, i, values.size()));
    return values[0];
  };
  const double start = number(0, "start"), limit = number(1, "limit"), delta = number(2, "delta");
  const double count = std::max(0.0, std::ceil((limit - start) / delta));
  if (!(count <= kMostRange)) call.invalid(fmt::format("a range of {} elements", count));
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(start + static_cast<double>(i) * delta);
  const ValueId range = call.importer().constant(call.source(), list_of(values, false));
  return call.cast(range, call.dtype(0));
}

}  // namespace

Results import_range(Call& call) {
  if (call.dtype(0) != DType::Int64 && call.dtype(0) != DType::Int32)
    return {range_of_floats(call)};
  return {call.op(OpKind::Range, {}, {call.in(0), call.in(1), call.in(2)})};
}

Results import_dropout(Call& call) {
  call.ignore("ratio");
  call.ignore("seed");
  if (call.has(2)) {
    const auto training = call.known_ints(2);
    const bool trains = !training || training->empty() || (*training)[0] != 0;
    if (trains && (!call.has(1) || call.numbers(1, "the ratio") != std::vector<double>{0.0}))
      call.unsupported("in training mode, at random");
  }
  Results results{call.in(0)};
  if (call.wants(1)) {
    const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
    results.push_back(call.op(OpKind::ConstantOfShape, FillAttrs{DType::Bool, 1.0, {}}, {shape}));
  }
  return results;
}

Results import_one_hot(Call& call) {
  const ValueId indices = call.cast(call.in(0), DType::Int64);
  const Ints depth = call.ints(1, "the depth");
  if (depth.size() != 1 || depth[0] < 1) call.invalid("expected one depth from 1 up");
  if (depth[0] > kMostRange) call.unsupported(fmt::format("a depth of {}", depth[0]));
  const int64_t rank = call.rank(0) + 1;
  const int64_t axis = call.axis(call.integer("axis", -1), rank);
  Ints range(static_cast<size_t>(depth[0])), dims(static_cast<size_t>(rank), 1);
  for (size_t i = 0; i < range.size(); ++i) range[i] = static_cast<int64_t>(i);
  dims[static_cast<size_t>(axis)] = depth[0];
  const ValueId places = call.reshape(call.integers_of(range), dims);
  const ValueId total = call.squeeze(call.integers_of({depth[0]}), {0});
  const ValueId wrapped = call.op(BinaryFunction::Mod, indices, total);
  // What lies outside of [-depth, depth) is nowhere.
  const ValueId hot = call.op(CompareFunction::Equal, call.unsqueeze(wrapped, {axis}), places);
  const ValueId least = call.squeeze(call.integers_of({-depth[0]}), {0});
  const ValueId inside =
      call.op(BinaryFunction::And, call.op(CompareFunction::GreaterOrEqual, indices, least),
              call.op(CompareFunction::Less, indices, total));
  const ValueId where = call.op(BinaryFunction::And, hot, call.unsqueeze(inside, {axis}));
  const auto value = [&](int64_t i) {
    return call.squeeze(call.op(OpKind::Slice, slice_of(0, i, i + 1), {call.in(2)}), {0});
  };
  return {call.op(OpKind::Where, {}, {where, value(1), value(0)})};
}

Results import_eye_like(Call& call) {
  if (call.rank(0) != 2) call.invalid("expected a matrix");
  const auto type = static_cast<ElementType>(call.integer("dtype", 0));
  const auto dtype = type == ElementType::Undefined ? call.dtype(0) : dtype_of(type);
  if (!dtype) call.unsupported("of " + element_name(type));
  const ValueId rows = positions(call, call.in(0), 0, 2),
                columns = positions(call, call.in(0), 1, 2);
  const ValueId distance = call.op(BinaryFunction::Sub, columns, rows);
  const ValueId offset = call.squeeze(call.integers_of({call.integer("k", 0)}), {0});
  return {call.cast(call.op(CompareFunction::Equal, distance, offset), *dtype)};
}

Results import_trilu(Call& call) {
  const bool upper = call.flag("upper", true);
  const ValueId diagonal =
      call.has(1) ? call.reshape(call.in(1), {}) : call.squeeze(call.integers_of({0}), {0});
  return {triangle(call, call.in(0), diagonal, upper)};
}

}  // namespace vitro::onnx
