#include "backends/cuda/kernels/linear_cost.h"

#include <algorithm>
#include <cmath>

namespace vitro::cuda {

// The constants are fitted to what the products of UniFormer-S took on an H100 at batches of 1 to
// 128; its choices there cost 2 % more than the best ones.
double expected_cycles(const TileExtents& tile, int m, int n, int slabs, int num_sms) {
  const double rows = (m + tile.block_m - 1) / tile.block_m;
  const double columns = (n + tile.block_n - 1) / tile.block_n;
  const double area = static_cast<double>(tile.block_m) * tile.block_n;
  const bool wgmma = tile.kind == LinearKind::Wgmma;
  // A slab's products, or its way from L2, whichever is slower, and the barrier before it unless
  // all slabs fit; then the results.
  const double products = area * 64 / (wgmma ? 2700 : tile.kind == LinearKind::Mma ? 400 : 60);
  const double fetch = (tile.block_m + tile.block_n) * 128 / 38.0;
  const double barrier = slabs <= tile.stages && !wgmma ? 26 : 212;
  const double block =
      (wgmma ? 1050 : 1260) + slabs * (std::max(products, fetch) + barrier) + area / 6.6;
  return (wgmma ? 2900 : 1300) + block * std::ceil(rows * columns / num_sms);
}

}  // namespace vitro::cuda
