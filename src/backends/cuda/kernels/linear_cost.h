#pragma once

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

/// Clock cycles that a product of m x n results over `slabs` slabs of 128 bytes of k is expected to
/// take on a tile: what the order of tiles is chosen by.
double expected_cycles(const LinearTile& tile, int m, int n, int slabs, int num_sms);

}  // namespace vitro::cuda
