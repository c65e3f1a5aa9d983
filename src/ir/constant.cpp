#include <algorithm>
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

}  // namespace vitro
