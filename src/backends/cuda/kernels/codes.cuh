#pragma once

#include <cuda_fp8.h>

#include <cstdint>

#include "backends/cuda/kernels/codes.h"

namespace vitro::cuda {

/// The integer of v in the low byte; factor and offset come divided by kCodeSteps. It may be the
/// one beside it where v lies within 1e-5 of half-way between the two. NaN becomes 0.
__device__ __forceinline__ uint32_t integer_code(float v, float factor, float offset) {
  constexpr float kRoundsToWhole = 12582912.0f;  // 1.5 * 2^23
  return __float_as_uint(fmaf(__saturatef(fmaf(v, factor, offset)), kCodeSteps, kRoundsToWhole));
}

/// The codes of v.x and v.y in the low bytes, the first one's first. NaN stays NaN in Float8.
template <CodeKind kKind>
__device__ __forceinline__ uint32_t code_pair(float2 v, float2 factor, float2 offset) {
  if constexpr (kKind == CodeKind::Float8)
    return __nv_cvt_float2_to_fp8x2({v.x * factor.x, v.y * factor.y}, __NV_SATFINITE, __NV_E4M3);
  else
    return __byte_perm(integer_code(v.x, factor.x, offset.x), integer_code(v.y, factor.y, offset.y),
                       0x0040);
}

/// Those of value(0) to value(7).
template <CodeKind kKind, class Value>
__device__ __forceinline__ uint2 eight_codes(Value value, const float (&factor)[8],
                                             const float (&offset)[8]) {
  const auto pair = [&](int e) {
    return code_pair<kKind>({value(e), value(e + 1)}, {factor[e], factor[e + 1]},
                            {offset[e], offset[e + 1]});
  };
  const auto four = [&](int e) { return __byte_perm(pair(e), pair(e + 2), 0x5410); };
  return {four(0), four(4)};
}

}  // namespace vitro::cuda
