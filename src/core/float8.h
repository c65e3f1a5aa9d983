#pragma once

#include <bit>
#include <cstdint>

// Rounding to Float8E4M3; float8_e4m3_to_float32() is the way back.
namespace vitro {

inline constexpr float kLargestFloat8E4M3 = 448;

/// The value of the nearest Float8E4M3, ties to even; beyond the largest one, infinities too, it is
/// that one. NaN stays NaN, a zero may lose its sign. Inline, for loops that the compiler makes of
/// vectors.
inline float nearest_float8_e4m3(float value) {
  constexpr float kMost = kLargestFloat8E4M3;
  constexpr uint32_t kExponent = 0x7f800000u, kLeastNormal = (127u - 6u) << 23;
  const float x = value < -kMost ? -kMost : value > kMost ? kMost : value;
  const uint32_t own = std::bit_cast<uint32_t>(x) & kExponent;
  // 1.5 * 2^20 times as large, a unit of the last place is one of the 8-bit float.
  const float round = 0x1.8p20f * std::bit_cast<float>(own < kLeastNormal ? kLeastNormal : own);
  return (x + round) - round;
}

/// The bits of the same, with the sign of a zero.
uint8_t float32_to_float8_e4m3(float value);

}  // namespace vitro
