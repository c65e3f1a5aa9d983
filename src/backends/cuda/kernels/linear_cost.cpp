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

/// Wgmma of 64 columns where every block has one tile, or a part of one: a start and slabs, both
/// slower where more than half of the multiprocessors ask the L2 cache for theirs.
double one_tile_cycles(const LinearTile& tile, double blocks, int slabs, int num_sms) {
  struct Fit {
    double start, slab;
  };
  const Fit fit = tile.split == 4   ? Fit{6600, 407}
                  : tile.split == 2 ? Fit{4360, 407}
                                    : Fit{3900, 317};
  const int part = (slabs + std::max(1, tile.split) - 1) / std::max(1, tile.split);
  const double crowd = std::max(0.0, std::min(1.0, blocks / num_sms) - 0.49);
  // Clusters of four leave some multiprocessors of a group of 16 or 18 empty.
  const double room = tile.split > 2 ? num_sms / 1.1 : num_sms;
  return (fit.start + 3950 * crowd + part * (fit.slab + 277 * crowd)) * std::ceil(blocks / room);
}

}  // namespace

// The constants are fitted to what the products of UniFormer-S took on an H100 at batches of 1 to
// 128; its choices there cost 1 % more than the best ones. Those of FFMA are counted, not fitted.
double expected_cycles(const LinearTile& tile, int m, int n, int slabs, int num_sms) {
  const double rows = (m + tile.block_m - 1) / tile.block_m;
  const double columns = (n + tile.block_n - 1) / tile.block_n;
  if (tile.kind == LinearKind::Wgmma) {
    const double blocks = rows * columns * std::max(1, tile.split);
    if (tile.block_n == 64 && (tile.split > 0 || blocks <= num_sms))
      return one_tile_cycles(tile, blocks, slabs, num_sms);
    // A block's tiles in turn: one multiplies while another one is finished.
    const double wide = tile.block_n / 128.0, products = slabs * 700 * wide;
    const double alone = products + 3000 * wide + 2500, each = std::max(products, alone / 2);
    return 1500 + alone + each * (std::ceil(rows * columns / num_sms) - 1);
  }
  const double area = static_cast<double>(tile.block_m) * tile.block_n;
  if (tile.kind == LinearKind::Tma) {
    // Operands come at 28 bytes a cycle where all multiprocessors ask, at twice that where half of
    // them do; of blocks that share one, half the time of the last ones is their own.
    const double share = rows * columns / num_sms, rate = 28 / std::clamp(share, 0.5, 1.0);
    const double products = area * 64 / 410, fetch = (tile.block_m + tile.block_n) * 128 / rate;
    const double block = 410 + slabs * std::max(products, fetch) + area / 3.1;
    const double crowd = 2000 * std::max(0.0, std::min(1.0, share) - 0.75);
    return 1010 + crowd + block * std::max(1.0, (share + std::ceil(share)) / 2);
  }
  if (tile.kind == LinearKind::Ffma) return ffma_cycles(tile, rows * columns, slabs, num_sms);
  if (tile.kind == LinearKind::Tf32x3) return tf32x3_cycles(tile, rows * columns, slabs, num_sms);
  // A slab's products, or its way from L2, whichever is slower, and the barrier before it unless
  // all slabs fit; then the results.
  const double products = area * 64 / (tile.kind == LinearKind::Mma ? 400 : 60);
  const double fetch = (tile.block_m + tile.block_n) * 128 / 38.0;
  const double barrier = slabs <= tile.stages ? 26 : 212;
  const double block = 1260 + slabs * (std::max(products, fetch) + barrier) + area / 6.6;
  return 1400 + block * std::ceil(rows * columns / num_sms);
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
