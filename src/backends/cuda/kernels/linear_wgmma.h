#pragma once

#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_mma.h"

namespace vitro::cuda {

struct WgmmaTile {
  const char* name;
  int block_m, block_n;
  int split;  // as in LinearTile
};
inline constexpr WgmmaTile kWgmmaTiles[] = {{"wgmma_128x64", 128, 64, 0},
                                            {"wgmma_128x128", 128, 128, 0},
                                            {"wgmma_128x64_k2", 128, 64, 2},
                                            {"wgmma_128x64_k4", 128, 64, 4}};
inline constexpr int kWgmmaTileCount =
    static_cast<int>(sizeof(kWgmmaTiles) / sizeof(kWgmmaTiles[0]));
/// In linear_tiles() they follow those of mma.sync.
inline constexpr int kFirstWgmmaTile = kFirstMmaTile + kMmaTileCount;

/// Why `tile` takes no k of so many slabs of such elements, or null.
constexpr const char* wgmma_refusal(int tile, Element element, bool tf32, int slabs) {
  if (element == Element::Float32 && !tf32) return "wgmma tiles are for 16 bits and tf32";
  // Results of 128 columns would leave the ring of slabs two places.
  if (element == Element::Float32 && kWgmmaTiles[tile].block_n > 64)
    return "tf32 is for wgmma tiles of 64 columns";
  return slabs < kWgmmaTiles[tile].split ? "k is shorter than a slab for each block" : nullptr;
}

/// Products of 16-bit elements, and of float32 as tf32, on wgmma (sm_90a), `tile` an index of
/// kWgmmaTiles. The caller has checked extents, alignment and window_map_refusal(). With windows,
/// whose k is (ky, kx, c), they are the rows of x.
void linear_wgmma(const LinearArgs& args, int tile, const Launch& launch,
                  const Windows* windows = nullptr);

}  // namespace vitro::cuda
