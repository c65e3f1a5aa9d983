#include "backends/cuda/kernels/linear_cost.h"

#include <algorithm>
#include <cmath>

namespace vitro::cuda {

namespace {

/// Multiply-adds are what takes the time, so blocks that share a multiprocessor take turns.
double ffma_cycles(const LinearTile& tile, double blocks, int slabs, int num_sms) {
  // Of a thread: rows and columns of its tile, and instructions and turns of shared memory for each
  // multiply-add; 128 of these are done in a cycle.
  const double m = std::min(8, tile.block_m / 4), n = std::min(8, tile.block_n / 8);
  const double issued = 1.1 + (m + n) / (4 * m * n), shared = 2 * (m + n) / (m * n);
  const double area = static_cast<double>(tile.block_m) * tile.block_n;
  const double products = area * 32 / 128 * std::max(issued, shared);
  const double fetch = (tile.block_m + tile.block_n) * 128 / 38.0;
  const double barrier = slabs <= tile.stages ? 10 : 60;
  const double block = slabs * (std::max(products, fetch) + barrier) + area / 8 + 300;
  return 2300 + block * std::ceil(blocks / num_sms);
}

/// Fitted as those below. A slab's products wait for its operands and for each other: by itself a
/// block takes longer than where others share its multiprocessor.
double tf32x3_cycles(const LinearTile& tile, double blocks, int slabs, int num_sms) {
  const double area = tile.block_m * tile.block_n / 4096.0;
  const double alone = slabs * std::max(1200.0, 700 * area) + 1000;
  const double shared = slabs * 950 * std::pow(area, 0.83) + 1700 * area;
  return 1800 + std::max(alone, shared * std::ceil(blocks / num_sms));
}

}  // namespace

// The constants are fitted to what the products of UniFormer-S took on an H100 at batches of 1 to
// 128; its choices there cost 1 % more than the best ones. Those of FFMA are counted, not fitted.
double expected_cycles(const LinearTile& tile, int m, int n, int slabs, int num_sms) {
  const double rows = (m + tile.block_m - 1) / tile.block_m;
  const double columns = (n + tile.block_n - 1) / tile.block_n;
  if (tile.kind == LinearKind::Wgmma) {
    // A block's tiles in turn: one multiplies while another one is finished.
    const double wide = tile.block_n / 128.0, products = slabs * 700 * wide;
    const double alone = products + 3000 * wide + 2500, each = std::max(products, alone / 2);
    return 1500 + alone + each * (std::ceil(rows * columns / num_sms) - 1);
  }
  const double area = static_cast<double>(tile.block_m) * tile.block_n;
  if (tile.kind == LinearKind::Tma) {
    // Operands come at 28 bytes a cycle where all multiprocessors ask; of blocks that share one,
    // half the time of the last ones is their own.
    const double products = area * 64 / 410, fetch = (tile.block_m + tile.block_n) * 128 / 28.0;
    const double block = 410 + slabs * std::max(products, fetch) + area / 3.1;
    const double share = rows * columns / num_sms;
    return 1010 + block * std::max(1.0, (share + std::ceil(share)) / 2);
  }
  if (tile.kind == LinearKind::Ffma) return ffma_cycles(tile, rows * columns, slabs, num_sms);
  if (tile.kind == LinearKind::Tf32x3) return tf32x3_cycles(tile, rows * columns, slabs, num_sms);
  // A slab's products, or its way from L2, whichever is slower, and the barrier before it unless
  // all slabs fit; then the results.
  const double products = area * 64 / (tile.kind == LinearKind::Mma ? 400 : 60);
  const double fetch = (tile.block_m + tile.block_n) * 128 / 38.0;
  const double barrier = slabs <= tile.stages ? 26 : 212;
  const double block = 1260 + slabs * (std::max(products, fetch) + barrier) + area / 6.6;
  return 1300 + block * std::ceil(rows * columns / num_sms);
}

std::vector<int> rank_tiles(const std::function<std::optional<double>(int tile)>& cost) {
  std::vector<std::pair<double, int>> costs;
  for (int i = 0; i < static_cast<int>(linear_tiles().size()); ++i)
    if (const auto one = cost(i)) costs.emplace_back(*one, i);
  std::sort(costs.begin(), costs.end());
  std::vector<int> ranked;
  for (const auto& [ignored, tile] : costs) ranked.push_back(tile);
  return ranked;
}

}  // namespace vitro::cuda
