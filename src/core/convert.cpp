#include "core/convert.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/check.h"

namespace vitro {
namespace {

template <typename Source, typename Convert>
void convert_elements(std::span<const std::byte> src, float* dst, Convert convert) {
  const size_t count = src.size() / sizeof(Source);
  for (size_t i = 0; i < count; ++i) {
    Source value;  // memcpy because the source may be unaligned
    std::memcpy(&value, src.data() + i * sizeof(Source), sizeof(Source));
    dst[i] = convert(value);
  }
}

}  // namespace

float float16_to_float32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = bits & 0x7c00u;
  const uint32_t shifted = static_cast<uint32_t>(bits & 0x7fffu) << 13;
  if (exponent == 0) {
    // Subnormal: (1 + m/1024) * 2^-14 - 2^-14 = m * 2^-24, exact and without a float32 subnormal,
    // so the result does not depend on flush-to-zero modes.
    constexpr uint32_t kTwoToMinus14 = 0x38800000u;
    const float magnitude =
        std::bit_cast<float>(kTwoToMinus14 | shifted) - std::bit_cast<float>(kTwoToMinus14);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  // Rebias the exponent from 15 to 127; infinity and NaN go all the way to 255.
  const uint32_t rebias = (exponent == 0x7c00u ? 255u - 31u : 127u - 15u) << 23;
  return std::bit_cast<float>((shifted + rebias) | sign);
}

float float8_e4m3_to_float32(uint8_t bits) {
  constexpr float kRebias = 256;  // a binary16's exponent has a bias that is larger by 8
  const uint32_t magnitude = bits & 0x7fu;
  if (magnitude == 0x7f) return std::bit_cast<float>(0x7fc00000u | (bits & 0x80u) << 24);
  const auto shifted = static_cast<uint16_t>((bits & 0x80u) << 8 | magnitude << 7);
  return float16_to_float32(shifted) * kRebias;
}

float float8_e5m2_to_float32(uint8_t bits) {
  return float16_to_float32(static_cast<uint16_t>(bits << 8));
}

uint16_t float32_to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const float magnitude = std::bit_cast<float>(bits & 0x7fffffffu);
  if (value != value) return sign | 0x7e00u;
  if (magnitude >= 65520.0f) return sign | 0x7c00u;  // half way beyond the largest one
  if (magnitude < 0x1p-14f) {
    // Subnormal: adding 1/2 leaves multiples of 2^-24 in the low bits, rounded to even.
    const auto shifted = std::bit_cast<uint32_t>(magnitude + 0.5f);
    return sign | static_cast<uint16_t>(shifted - std::bit_cast<uint32_t>(0.5f));
  }
  const uint32_t rebiased = (bits & 0x7fffffffu) - ((127u - 15u) << 23);
  return sign | static_cast<uint16_t>((rebiased + 0xfffu + (rebiased >> 13 & 1u)) >> 13);
}

float bfloat16_to_float32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t float32_to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t high = bits >> 16;
  constexpr uint32_t kQuiet = 0x40;  // the carry below could turn a NaN into infinity
  if (value != value) return static_cast<uint16_t>(high | kQuiet);
  return static_cast<uint16_t>((bits + 0x7fffu + (high & 1u)) >> 16);
}

void to_float32(DType dtype, std::span<const std::byte> src, float* dst) {
  check(src.size() % dtype_size(dtype) == 0, ErrorCode::InvalidArgument,
        "to_float32: {} bytes are not a whole number of {} elements", src.size(),
        dtype_name(dtype));
  if (src.empty()) return;
  switch (dtype) {
    case DType::Float32:
      std::memcpy(dst, src.data(), src.size());
      return;
    case DType::Float16:
      convert_elements<uint16_t>(src, dst, float16_to_float32);
      return;
    case DType::BFloat16:
      convert_elements<uint16_t>(src, dst, bfloat16_to_float32);
      return;
    case DType::Float8E4M3:
      convert_elements<uint8_t>(src, dst, float8_e4m3_to_float32);
      return;
    case DType::Float8E5M2:
      convert_elements<uint8_t>(src, dst, float8_e5m2_to_float32);
      return;
    case DType::Float64:
      convert_elements<double>(src, dst, [](double value) { return static_cast<float>(value); });
      return;
    default:
      fail(ErrorCode::Unsupported, "to_float32: {} is not a floating-point type",
           dtype_name(dtype));
  }
}

Tensor converted(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor result(dtype, tensor.dims());
  if (dtype == DType::Float32) {
    to_float32(tensor.dtype(), tensor.bytes(), result.as<float>().data());
    return result;
  }
  const auto values = tensor.as<float>();
  switch (dtype) {
    case DType::Float16:
      std::ranges::transform(values, result.as<Float16>().begin(),
                             [](float value) { return Float16{float32_to_float16(value)}; });
      return result;
    case DType::BFloat16:
      std::ranges::transform(values, result.as<BFloat16>().begin(),
                             [](float value) { return BFloat16{float32_to_bfloat16(value)}; });
      return result;
    case DType::Float64:
      std::ranges::copy(values, result.as<double>().begin());
      return result;
    default:
      fail(ErrorCode::Unsupported, "elements of F32 as {}, expected F16, BF16 or F64",
           dtype_name(dtype));
  }
}

}  // namespace vitro
