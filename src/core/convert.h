#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vitro/tensor.h"

namespace vitro {

/// The value of an IEEE binary16 bit pattern. Exact, subnormals, infinities and NaN included.
float float16_to_float32(uint16_t bits);

/// The values of 8-bit floats, see DType. Exact.
float float8_e4m3_to_float32(uint8_t bits);
float float8_e5m2_to_float32(uint8_t bits);

/// The nearest binary16, ties to even; beyond the largest one it is infinity. NaN stays NaN.
uint16_t float32_to_float16(float value);

/// The value of a bfloat16 bit pattern. Exact.
float bfloat16_to_float32(uint16_t bits);
/// The nearest bfloat16, ties to even; beyond the largest one it is infinity. NaN stays NaN.
uint16_t float32_to_bfloat16(float value);

/// Converts `src` (little-endian, any alignment) to float32. `dst` has room for
/// src.size() / dtype_size(dtype) elements. The smaller floats are exact; Float64 rounds to
/// nearest. Throws Unsupported for a dtype that is not a float, InvalidArgument when the size of
/// `src` is not a multiple of the element size.
void to_float32(DType dtype, std::span<const std::byte> src, float* dst);

/// The tensor with its elements as `dtype`: itself where they are, else from or to float32, rounded
/// to the nearest. Of the two types one is Float32, the other Float16, BFloat16 or Float64; throws
/// Unsupported for others.
Tensor converted(const Tensor& tensor, DType dtype);

}  // namespace vitro
