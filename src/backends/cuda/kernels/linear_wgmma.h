#pragma once

#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_mma.h"

namespace vitro::cuda {

struct WgmmaTile {
  const char* name;
  int block_m, block_n;
};
inline constexpr WgmmaTile kWgmmaTiles[] = {{"wgmma_128x64", 128, 64}, {"wgmma_128x128", 128, 128}};
inline constexpr int kWgmmaTileCount =
    static_cast<int>(sizeof(kWgmmaTiles) / sizeof(kWgmmaTiles[0]));
/// In linear_tiles() they follow those of mma.sync.
inline constexpr int kFirstWgmmaTile = kFirstMmaTile + kMmaTileCount;

/// Products of 16-bit elements on wgmma (sm_90a), `tile` an index of kWgmmaTiles. The caller has
/// checked extents, alignment and window_map_refusal(). With windows, whose k is (ky, kx, c), they
/// are the rows of x.
void linear_wgmma(const LinearArgs& args, int tile, const Launch& launch,
                  const Windows* windows = nullptr);

}  // namespace vitro::cuda
