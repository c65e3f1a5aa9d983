#pragma once

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

/// The product on FFMA, for float32 and for extents and addresses that the tensor cores' tiles do
/// not take.
void linear_scalar(const LinearArgs& args, const Launch& launch);

}  // namespace vitro::cuda
