#pragma once

#include "backends/cpu/kernels/kernels.h"

namespace vitro::cpu {

// One per translation unit compiled for that instruction set.
extern const KernelTable kScalarTable;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512Table;

}  // namespace vitro::cpu
