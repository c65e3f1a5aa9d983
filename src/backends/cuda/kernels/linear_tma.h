#pragma once

#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_wgmma.h"

namespace vitro::cuda {

/// The tiles of linear_tma.cuh by index.
struct TmaTile {
  const char* name;
  int block_m, block_n;
};
inline constexpr TmaTile kTmaTiles[] = {
    {"tma_16x16", 16, 16}, {"tma_16x32", 16, 32}, {"tma_16x64", 16, 64}, {"tma_16x128", 16, 128},
    {"tma_32x32", 32, 32}, {"tma_32x64", 32, 64}, {"tma_64x64", 64, 64}};
inline constexpr int kTmaTileCount = static_cast<int>(sizeof(kTmaTiles) / sizeof(kTmaTiles[0]));
/// In linear_tiles() they follow those of wgmma.
inline constexpr int kFirstTmaTile = kFirstWgmmaTile + kWgmmaTileCount;

/// Bytes of shared memory that a product of `k` columns takes.
size_t tma_shared_bytes(int tile, int k);
/// Products of 16-bit elements, `tile` an index of kTmaTiles. The caller has checked extents and
/// alignment.
void linear_tma(const LinearArgs& args, int tile, const Launch& launch);

}  // namespace vitro::cuda
