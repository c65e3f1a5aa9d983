#pragma once

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

struct WgmmaTile {
  const char* name;
  int block_m, block_n, stages;
};
inline constexpr WgmmaTile kWgmmaTiles[] = {{"wgmma_128x128", 128, 128, 3},
                                            {"wgmma_128x160", 128, 160, 3}};
inline constexpr int kWgmmaTileCount =
    static_cast<int>(sizeof(kWgmmaTiles) / sizeof(kWgmmaTiles[0]));

/// Products of 16-bit elements on wgmma (sm_90a), `tile` an index of kWgmmaTiles. The caller has
/// checked extents and alignment.
void linear_wgmma(const LinearArgs& args, int tile, const Launch& launch);

}  // namespace vitro::cuda
