#pragma once

#include "backends/cuda/kernels/mlp.h"

namespace vitro::cuda {

/// The tiles of mlp_tiles() in its order: first those whose warps have rows to themselves, then the
/// one whose warps split the hidden columns of the same rows.
inline constexpr int kMlpRowsCount = 4;
inline constexpr MlpTile kMlpTiles[] = {{"rows_64", 64, 128, true, false},
                                        {"rows_128", 128, 128, false, false},
                                        {"wgmma_64", 64, 128, true, true},
                                        {"wgmma_128", 128, 192, false, true},
                                        {"split_64", 64, 16, true, false}};

void launch_mlp_rows(const MlpArgs& args, int index, const Launch& launch);
/// The same for the tiles on wgmma.
void launch_mlp_wgmma(const MlpArgs& args, int index, const Launch& launch);
void launch_mlp_split(const MlpArgs& args, const Launch& launch);

}  // namespace vitro::cuda
