#include <algorithm>
#include <cstring>
#include <limits>

#include "core/aligned_memory.h"
#include "core/check.h"
#include "core/convert.h"
#include "ir/graph.h"

namespace vitro {

size_t dense_bytes(const TensorType& type) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 64;
  check(num_elements(type.dims) <= kMost, ErrorCode::InvalidArgument, "constant {} is too large",
        to_string(type.dims));
  return static_cast<size_t>(num_elements(type.dims)) * dtype_size(type.dtype);
}

std::span<const float> Constant::floats() const {
  check(type.dtype == DType::Float32 && storage.empty() && bytes.data() != nullptr,
        ErrorCode::Internal, "constant {} {}{}{}: no dense float32 elements",
        dtype_name(type.dtype), to_string(type.dims), storage.empty() ? "" : " as ", storage);
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

std::pair<Constant, std::span<std::byte>> allocate_constant(const TensorType& type,
                                                            std::optional<size_t> bytes) {
  const size_t size = bytes ? *bytes : dense_bytes(type);
  const std::shared_ptr<std::byte> owner = allocate_aligned(size, "a constant");
  const std::span memory(owner.get(), size);
  return {{type, "", memory, owner}, memory};
}

std::pair<Constant, std::span<float>> allocate_floats(Dims dims) {
  auto [constant, memory] = allocate_constant({DType::Float32, std::move(dims)});
  return {std::move(constant),
          {reinterpret_cast<float*>(memory.data()), memory.size() / sizeof(float)}};
}

Constant make_constant(Dims dims, std::span<const float> values) {
  auto [constant, dst] = allocate_floats(std::move(dims));
  check(dst.size() == values.size(), ErrorCode::Internal, "constant {}: {} values",
        to_string(constant.type.dims), values.size());
  std::copy(values.begin(), values.end(), dst.begin());
  return constant;
}

Constant make_constant(Dims dims, std::span<const int64_t> values, DType dtype) {
  auto [constant, memory] = allocate_constant({dtype, std::move(dims)});
  check(constant.bytes.size() == values.size() * dtype_size(dtype), ErrorCode::Internal,
        "constant {}: {} values", to_string(constant.type.dims), values.size());
  // Little-endian: the low bytes come first.
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(memory.data() + i * dtype_size(dtype), &values[i], dtype_size(dtype));
  return constant;
}

Contents contents_of(const Constant& constant) {
  const bool is_integer = constant.type.dtype == DType::Int64 ||
                          constant.type.dtype == DType::Int32 || constant.type.dtype == DType::Bool;
  const int64_t count = num_elements(constant.type.dims);
  if (!is_integer || !constant.storage.empty() || count > kMaxContents ||
      (constant.bytes.data() == nullptr && count > 0))
    return std::nullopt;
  Ints values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    const std::byte* element = constant.bytes.data() + i * dtype_size(constant.type.dtype);
    if (constant.type.dtype == DType::Int64) {
      std::memcpy(&values[i], element, sizeof(int64_t));
    } else if (constant.type.dtype == DType::Int32) {
      int32_t value;
      std::memcpy(&value, element, sizeof(value));
      values[i] = value;
    } else {
      values[i] = std::to_integer<int64_t>(*element);
    }
  }
  return values;
}

Constant with_dtype(const Constant& constant, DType dtype) {
  if (constant.type.dtype == dtype) return constant;
  auto [result, memory] = allocate_constant({dtype, constant.type.dims});
  if (dtype == DType::Float32) {
    to_float32(constant.type.dtype, constant.bytes, reinterpret_cast<float*>(memory.data()));
    return result;
  }
  check(dtype == DType::BFloat16, ErrorCode::Internal, "constant {}: cannot be stored as {}",
        to_string(constant.type.dims), dtype_name(dtype));
  const auto values = constant.floats();
  std::transform(values.begin(), values.end(), reinterpret_cast<uint16_t*>(memory.data()),
                 float32_to_bfloat16);
  return result;
}

namespace {

template <typename T>
void permute_elements(const T* src, T* dst, const Dims& dims, const Ints& strides) {
  Ints index(dims.size());
  const size_t last = dims.size() - 1;
  const int64_t rows = num_elements(dims) / dims[last], stride = strides[last];
  int64_t at = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < dims[last]; ++i) *dst++ = src[at + i * stride];
    for (size_t axis = last; axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < dims[axis]) break;
      at -= strides[axis] * dims[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

Constant permuted(const Constant& constant, const Ints& perm) {
  const Dims& dims = constant.type.dims;
  Ints strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  Dims result_dims;
  Ints result_strides;
  for (const int64_t axis : perm) {
    result_dims.push_back(dims[static_cast<size_t>(axis)]);
    result_strides.push_back(strides[static_cast<size_t>(axis)]);
  }
  auto [result, memory] = allocate_constant({constant.type.dtype, result_dims});
  if (memory.empty()) return result;
  if (perm.empty()) {
    std::memcpy(memory.data(), constant.bytes.data(), memory.size());
    return result;
  }
  std::byte* const to = memory.data();
  const auto run = [&]<typename T>(T) {
    permute_elements(reinterpret_cast<const T*>(constant.bytes.data()), reinterpret_cast<T*>(to),
                     result_dims, result_strides);
  };
  switch (dtype_size(constant.type.dtype)) {
    case 1:
      run(uint8_t{});
      break;
    case 2:
      run(uint16_t{});
      break;
    case 4:
      run(uint32_t{});
      break;
    default:
      run(uint64_t{});
      break;
  }
  return result;
}

}  // namespace vitro
