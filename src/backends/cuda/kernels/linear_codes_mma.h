#pragma once

#include "backends/cuda/kernels/linear_codes.h"

namespace vitro::cuda {

/// linear_codes() of integers on mma.sync, for GPUs from sm_80 on: the same bits as on wgmma. The
/// caller has asked linear_codes_refusal().
void linear_codes_mma(const LinearCodesArgs& args, const Launch& launch);

}  // namespace vitro::cuda
