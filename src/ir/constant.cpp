#include <algorithm>
#include <cstring>
#include <limits>

#include "core/aligned_memory.h"
#include "core/check.h"
#include "core/convert.h"
#include "core/panel16.h"
#include "ir/graph.h"

namespace vitro {

const char* layout_name(Layout layout) {
  return layout == Layout::Panel16 ? "panel16" : "row_major";
}

size_t storage_bytes(DType dtype, const Dims& dims, Layout layout) {
  constexpr int64_t kMaxElements = std::numeric_limits<int64_t>::max() / 64;
  check(num_elements(dims) <= kMaxElements, ErrorCode::InvalidArgument, "constant {} is too large",
        to_string(dims));
  if (layout == Layout::RowMajor)
    return static_cast<size_t>(num_elements(dims)) * dtype_size(dtype);
  check(dims.size() == 2, ErrorCode::Internal, "layout panel16 of {}: only matrices have panels",
        to_string(dims));
  return panel16_size(dims[0], dims[1]) * dtype_size(dtype);
}

const float* Constant::data() const {
  check(dtype == DType::Float32 && bytes.data() != nullptr, ErrorCode::Internal,
        "constant {} of dtype {}: no float32 bytes", to_string(dims), dtype_name(dtype));
  return reinterpret_cast<const float*>(bytes.data());
}

std::span<const float> Constant::floats() const {
  check(layout == Layout::RowMajor, ErrorCode::Internal,
        "constant {}: layout {}, expected row_major", to_string(dims), layout_name(layout));
  return {data(), bytes.size() / sizeof(float)};
}

namespace {

std::pair<Constant, std::byte*> allocate(DType dtype, Dims dims, Layout layout) {
  const size_t size = storage_bytes(dtype, dims, layout);
  const std::shared_ptr<std::byte> owner = allocate_aligned(size, "a constant");
  return {{dtype, std::move(dims), layout, {owner.get(), size}, owner}, owner.get()};
}

}  // namespace

std::pair<Constant, std::span<float>> allocate_constant(Dims dims, Layout layout) {
  auto [constant, memory] = allocate(DType::Float32, std::move(dims), layout);
  const size_t count = constant.bytes.size() / sizeof(float);
  return {std::move(constant), {reinterpret_cast<float*>(memory), count}};
}

Constant make_constant(Dims dims, std::span<const float> values) {
  auto [constant, dst] = allocate_constant(std::move(dims));
  check(dst.size() == values.size(), ErrorCode::Internal, "constant {}: {} values",
        to_string(constant.dims), values.size());
  std::copy(values.begin(), values.end(), dst.begin());
  return constant;
}

Constant make_constant(Dims dims, std::span<const int64_t> values, DType dtype) {
  auto [constant, memory] = allocate(dtype, std::move(dims), Layout::RowMajor);
  check(constant.bytes.size() == values.size() * dtype_size(dtype), ErrorCode::Internal,
        "constant {}: {} values", to_string(constant.dims), values.size());
  // Little-endian: the low bytes come first.
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(memory + i * dtype_size(dtype), &values[i], dtype_size(dtype));
  return constant;
}

Contents contents_of(const Constant& constant) {
  const bool is_integer = constant.dtype == DType::Int64 || constant.dtype == DType::Int32 ||
                          constant.dtype == DType::Bool;
  const int64_t count = num_elements(constant.dims);
  if (!is_integer || constant.layout != Layout::RowMajor || count > kMaxContents ||
      (constant.bytes.data() == nullptr && count > 0))
    return std::nullopt;
  Ints values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    const std::byte* element = constant.bytes.data() + i * dtype_size(constant.dtype);
    if (constant.dtype == DType::Int64) {
      std::memcpy(&values[i], element, sizeof(int64_t));
    } else if (constant.dtype == DType::Int32) {
      int32_t value;
      std::memcpy(&value, element, sizeof(value));
      values[i] = value;
    } else {
      values[i] = std::to_integer<int64_t>(*element);
    }
  }
  return values;
}

Constant with_layout(const Constant& constant, Layout layout) {
  if (constant.layout == layout) return constant;
  auto [result, dst] = allocate_constant(constant.dims, layout);
  const int64_t n = constant.dims[0], k = constant.dims[1];
  if (layout == Layout::Panel16)
    pack_panel16(constant.data(), n, k, dst.data());
  else
    unpack_panel16(constant.data(), n, k, dst.data());
  return result;
}

Constant with_dtype(const Constant& constant, DType dtype) {
  if (constant.dtype == dtype) return constant;
  auto [result, memory] = allocate(dtype, constant.dims, constant.layout);
  if (dtype == DType::Float32) {
    to_float32(constant.dtype, constant.bytes, reinterpret_cast<float*>(memory));
    return result;
  }
  check(dtype == DType::BFloat16, ErrorCode::Internal, "constant {}: cannot be stored as {}",
        to_string(constant.dims), dtype_name(dtype));
  const std::span values(constant.data(), constant.bytes.size() / sizeof(float));
  std::transform(values.begin(), values.end(), reinterpret_cast<uint16_t*>(memory),
                 float32_to_bfloat16);
  return result;
}

}  // namespace vitro
