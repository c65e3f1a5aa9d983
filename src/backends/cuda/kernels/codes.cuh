#pragma once

#include <cstdint>

// Codes of one byte: clamp(round(v * factor + offset), 0, 255), half to even.
namespace vitro::cuda {

/// The code of v in the low byte; factor and offset come divided by kCodeSteps (linear_codes.h). It
/// may be the code beside it where v lies within 1e-5 of half-way between the two. NaN has code 0.
__device__ __forceinline__ uint32_t code_of(float v, float factor, float offset) {
  constexpr float kRoundsToWhole = 12582912.0f;  // 1.5 * 2^23
  return __float_as_uint(fmaf(__saturatef(fmaf(v, factor, offset)), 255.0f, kRoundsToWhole));
}
/// The low bytes of both, the first one's first.
__device__ __forceinline__ uint32_t pack_codes(uint32_t first, uint32_t second) {
  return __byte_perm(first, second, 0x0040);
}

}  // namespace vitro::cuda
