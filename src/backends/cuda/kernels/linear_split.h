#pragma once

#include "backends/cuda/kernels/linear_wgmma.h"
#include "backends/cuda/kernels/linear_wgmma_layout.cuh"

namespace vitro::cuda {

/// A kernel of linear_split_kernel.cuh whose clusters have `split` blocks, 2 or 4. One translation
/// unit for each type: linear_split_*.cu.
template <typename T>
void launch_split_of(int split, const WgmmaArgs& args, const Launch& launch);

}  // namespace vitro::cuda
