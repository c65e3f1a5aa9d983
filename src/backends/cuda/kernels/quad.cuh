#pragma once

#include <cstdint>

namespace vitro::cuda {

/// The tensor cores leave two neighbouring results of each of four groups of eight in a lane, the
/// others in the three lanes beside it: afterwards lane i of the four has all eight of group i, 16
/// bytes. Its own inverse.
__device__ __forceinline__ void transpose_quad(uint32_t (&w)[4]) {
  const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const uint32_t other = __shfl_xor_sync(0xffffffffu, odd ? w[i] : w[i + 1], 1);
    (odd ? w[i] : w[i + 1]) = other;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const uint32_t other = __shfl_xor_sync(0xffffffffu, high ? w[i] : w[i + 2], 2);
    (high ? w[i] : w[i + 2]) = other;
  }
}

}  // namespace vitro::cuda
