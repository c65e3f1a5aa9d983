#pragma once

#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/linear_tma.h"

namespace vitro::cuda {

/// The tiles of linear_ffma.cuh by index.
inline constexpr MmaTile kFfmaTiles[] = {{"ffma_16x16", 16, 16, 16}, {"ffma_16x32", 16, 32, 16},
                                         {"ffma_32x32", 32, 32, 10}, {"ffma_32x64", 32, 64, 6},
                                         {"ffma_64x64", 64, 64, 4},  {"ffma_128x64", 128, 64, 3}};
/// In linear_tiles() they follow those of linear_tma.h.
inline constexpr int kFirstFfmaTile = kFirstTmaTile + kTmaTileCount;
inline constexpr int kFfmaTileCount = static_cast<int>(sizeof(kFfmaTiles) / sizeof(kFfmaTiles[0]));

/// The same as mma_shared_bytes() and launch_mma() for products of float32 on these tiles.
size_t ffma_shared_bytes(int tile, RowSource source, int slabs);
void launch_ffma(int tile, RowSource source, const MmaArgs& args, const Launch& launch);

}  // namespace vitro::cuda
