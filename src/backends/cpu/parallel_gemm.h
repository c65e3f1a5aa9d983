#pragma once

#include "backends/cpu/kernels/kernels.h"
#include "core/thread_team.h"

namespace vitro::cpu {

/// Runs a product on the whole team. `scratch` holds table.gemm_scratch_size(args) floats for each
/// thread.
void parallel_gemm(const KernelTable& table, const GemmArgs& args, ThreadTeam& team,
                   float* scratch);

}  // namespace vitro::cpu
