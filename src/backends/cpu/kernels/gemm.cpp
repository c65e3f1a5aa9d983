#include "backends/cpu/kernels/gemm.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm_plan.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kMaxTileRows = 16;  // no micro-kernel is higher
constexpr int64_t kBlockBytes = 448 * 1024;
constexpr int64_t kMaxBlockRows = 224;

}  // namespace

int64_t gemm_row_block(int64_t k) {
  const int64_t rows =
      kBlockBytes / (static_cast<int64_t>(sizeof(float)) * std::max<int64_t>(k, 1));
  return std::clamp(rows, kMaxTileRows, kMaxBlockRows);
}

int64_t gemm_scratch_stride(int64_t k) { return (k + 31) / 32 * 32 + 16; }

bool gemm_copies_rows(const GemmArgs& args) { return args.layer_norm || args.patches; }

size_t gemm_scratch_size(const GemmArgs& args) {
  if (!gemm_copies_rows(args)) return 0;
  return static_cast<size_t>(gemm_row_block(args.k) * gemm_scratch_stride(args.k));
}

GemmGrid gemm_grid(int64_t m, int64_t n, int64_t k, int threads) {
  const int64_t panels = (n + 15) / 16;
  GemmGrid grid{m, panels, 1, 1};
  if (threads <= 1) return grid;
  // Below this a thread's share does not repay waking it: about 5 us of one core.
  constexpr double kMinMultiplyAdds = 4e5;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int64_t wanted =
      std::clamp<int64_t>(static_cast<int64_t>(work / kMinMultiplyAdds), 1, threads);
  if (wanted == 1) return grid;
  // Split the rows while every thread keeps a few full tiles; otherwise split the weights, which
  // are then read once in all instead of once per thread.
  constexpr int64_t kRowsPerTile = 14;
  if (m >= wanted * 4 * kRowsPerTile) {
    const int64_t tiles = (m + kRowsPerTile - 1) / kRowsPerTile;
    grid.rows = (tiles + wanted - 1) / wanted * kRowsPerTile;
    grid.row_tiles = (m + grid.rows - 1) / grid.rows;
    return grid;
  }
  const int64_t pairs = (panels + 1) / 2;
  grid.panels = (pairs + wanted - 1) / wanted * 2;
  grid.panel_tiles = (panels + grid.panels - 1) / grid.panels;
  return grid;
}

}  // namespace vitro::cpu
