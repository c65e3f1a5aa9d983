#pragma once

#include "backends/cuda/kernels/windows.h"

namespace vitro::cuda {

/// The slabs of k in their order, when k is (ky, kx, c) and a slab is of one tap.
struct TapWalk {
  int ky = 0, kx = 0, channel = 0;
  __device__ __forceinline__ void next(const Windows& v, int columns) {
    channel += columns;
    if (channel < v.c) return;
    channel = 0;
    if (++kx == v.kernel_w) kx = 0, ++ky;
  }
  /// Where it begins in a row of weights.
  __device__ __forceinline__ int column(const Windows& v) const {
    return (ky * v.kernel_w + kx) * v.c + channel;
  }
};

}  // namespace vitro::cuda
