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

/// Windows of x[n, h, w, c] that do not overlap, as the rows of a matrix: k is (ky, kx, c).
struct WgmmaWindows {
  int n, h, w, c, oh, ow, stride;
};

/// Why no tile takes these windows, or null.
const char* wgmma_refusal(const WgmmaWindows& windows);
/// Products of 16-bit elements on wgmma (sm_90a), `tile` an index of kWgmmaTiles. The caller has
/// checked extents and alignment. With windows they are the rows of x.
void linear_wgmma(const LinearArgs& args, int tile, const Launch& launch,
                  const WgmmaWindows* windows = nullptr);

}  // namespace vitro::cuda
