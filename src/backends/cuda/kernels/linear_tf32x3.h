#pragma once

#include "backends/cuda/kernels/linear_ffma.h"

namespace vitro::cuda {

/// The tiles of linear_tf32x3.cuh by index.
inline constexpr MmaTile kTf32x3Tiles[] = {
    {"tf32x3_64x64", 64, 64, 3}, {"tf32x3_128x64", 128, 64, 3}, {"tf32x3_128x128", 128, 128, 4}};
/// In linear_tiles() they follow those of linear_ffma.h.
inline constexpr int kFirstTf32x3Tile = kFirstFfmaTile + kFfmaTileCount;
inline constexpr int kTf32x3TileCount =
    static_cast<int>(sizeof(kTf32x3Tiles) / sizeof(kTf32x3Tiles[0]));

/// The same as ffma_shared_bytes() and launch_ffma() on these tiles.
size_t tf32x3_shared_bytes(int tile, RowSource source, int slabs);
void launch_tf32x3(int tile, RowSource source, const MmaArgs& args, const Launch& launch);

}  // namespace vitro::cuda
