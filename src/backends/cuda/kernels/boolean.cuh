#pragma once

#include "backends/cuda/kernels/element.cuh"

namespace vitro::cuda {

/// A boolean as it is stored: a byte that is 0 or not, 1 when a kernel wrote it.
struct Boolean {
  uint8_t byte;
};

__device__ __forceinline__ float to_float(Boolean v) { return v.byte != 0 ? 1.0f : 0.0f; }
template <>
__device__ __forceinline__ Boolean from_float<Boolean>(float v) {
  return {static_cast<uint8_t>(v != 0.0f)};
}

}  // namespace vitro::cuda
