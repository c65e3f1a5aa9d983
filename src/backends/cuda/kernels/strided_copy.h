#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// y = x element by element over `dims`, x read with its own strides: a transpose permutes
/// them, a slice starts x later, a broadcast has zeros. Bits are copied, so NaNs keep theirs.
struct StridedCopyArgs {
  int element_bytes = 2;    // 1, 2, 4, 8 or 16
  const void* x = nullptr;  // its first element that is read
  void* y = nullptr;        // not in x
  Dims dims;                // of what is copied
  Dims x_strides;           // in elements
  Dims y_strides;           // the same; of rank 0: y is dense
};

/// Words of 16 bytes where runs of x allow it or three planes become pixels, tiles through shared
/// memory where the last two dimensions change places, else one thread per element.
void strided_copy(const StridedCopyArgs& args, const Launch& launch);

/// Sets `count` elements of 2 or 4 bytes to the low ones of `bits`.
void fill(int element_bytes, void* y, uint32_t bits, int64_t count, const Launch& launch);

/// The arguments of y = transpose(x): axis i of y is axis perm[i] of x, whose extents are `x_dims`.
StridedCopyArgs transpose_args(int element_bytes, const void* x, const Dims& x_dims,
                               const Dims& perm, void* y);

/// The arguments of y = the positions [begin, end) of `axis` of x.
StridedCopyArgs slice_args(int element_bytes, const void* x, const Dims& x_dims, int axis,
                           int64_t begin, int64_t end, void* y);

}  // namespace vitro::cuda
