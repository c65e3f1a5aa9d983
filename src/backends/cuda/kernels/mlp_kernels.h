#pragma once

#include "backends/cuda/kernels/mlp.h"

namespace vitro::cuda {

inline constexpr int kMlpRowsCount = 5, kMlpSplitCount = 4;
/// The tiles of mlp_tiles() in its order: first those whose warps have rows to themselves, then those
/// whose warps split the hidden columns of the same rows.
inline constexpr MlpTile kMlpTiles[kMlpRowsCount + kMlpSplitCount] = {
    {"rows_64_128", 64, 128, 1, true},     {"rows_64_256", 64, 256, 1, true},
    {"rows_128_128", 128, 128, 1, false},  {"rows_128_256", 128, 256, 1, false},
    {"rows_128_256_16", 128, 256, 1, false}, {"split_64_16", 64, 16, 1, true},
    {"split_64_32", 64, 32, 1, true},      {"split_128_16", 128, 16, 4, true},
    {"split_128_32", 128, 32, 4, true}};

void launch_mlp_rows(const MlpArgs& args, int index, const Launch& launch);
void launch_mlp_split(const MlpArgs& args, int index, const Launch& launch);

}  // namespace vitro::cuda
