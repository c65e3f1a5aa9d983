#pragma once

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

/// Clock cycles that a product of m x n results over `slabs` slabs of 128 bytes of k is expected to
/// take on a tile of blocks of block_m x block_n: what the order of tiles is chosen by.
struct TileExtents {
  LinearKind kind;
  int block_m, block_n;
  int stages;  // slabs in shared memory
};
double expected_cycles(const TileExtents& tile, int m, int n, int slabs, int num_sms);

}  // namespace vitro::cuda
