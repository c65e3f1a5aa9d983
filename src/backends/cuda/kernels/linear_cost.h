#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

/// Clock cycles that a product of m x n results over `slabs` slabs of 128 bytes of k is expected to
/// take on a tile: what the order of tiles is chosen by.
double expected_cycles(const LinearTile& tile, int m, int n, int slabs, int num_sms);

/// The indices of linear_tiles() that have a cost, cheapest first.
std::vector<int> rank_tiles(const std::function<std::optional<double>(int tile)>& cost);

}  // namespace vitro::cuda
