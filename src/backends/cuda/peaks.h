#pragma once

#include "backends/peaks.h"

namespace vitro::cuda {

/// What own kernels reach on large operands: float32 on FFMA, products of the precision asked
/// for, which is not Default, and sums from and to memory.
Peaks measure_peaks(const PeakRequest& request);

}  // namespace vitro::cuda
