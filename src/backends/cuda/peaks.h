#pragma once

#include "backends/peaks.h"

namespace vitro::cuda {

/// What own kernels reach on large operands: products of float32 on FFMA, of float16 on the tensor
/// cores, and sums from and to memory.
Peaks measure_peaks(int device, size_t max_buffer_bytes);

}  // namespace vitro::cuda
