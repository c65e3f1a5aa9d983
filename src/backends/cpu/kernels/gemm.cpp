#include "backends/cpu/kernels/gemm.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm_plan.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kMaxTileRows = 16;  // no micro-kernel is higher
constexpr int64_t kBlockBytes = 448 * 1024;
constexpr int64_t kMaxBlockRows = 224;
constexpr int64_t kMaxTilePanels = 4;    // no micro-kernel is wider
constexpr int64_t kMinNarrowRows = 32;   // two tiles of AMX
constexpr int64_t kNarrowFloats = 4096;  // stay in the first-level cache
constexpr int64_t kExpandedBytes = 256 * 1024;
constexpr int64_t kMaxPatchDepth = 1536;  // four panels of so many rows take 384 KB

}  // namespace

int64_t gemm_row_block(int64_t k) {
  const int64_t rows =
      kBlockBytes / (static_cast<int64_t>(sizeof(float)) * std::max<int64_t>(k, 1));
  return std::clamp(rows, kMaxTileRows, kMaxBlockRows);
}

int64_t gemm_scratch_stride(int64_t k) { return (k + 31) / 32 * 32 + 16; }

bool gemm_copies_rows(const GemmArgs& args) { return args.layer_norm || args.patches; }

int64_t gemm_depth_step(const GemmArgs& args) {
  if (!args.patches || args.k <= kMaxPatchDepth) return args.k;
  const int64_t channels = args.patches->channels, taps = args.k / channels;
  const int64_t most = std::max<int64_t>(1, kMaxPatchDepth / channels);
  const int64_t steps = (taps + most - 1) / most;
  return (taps + steps - 1) / steps * channels;
}

size_t gemm_rows_size(const GemmArgs& args) {
  if (!gemm_copies_rows(args)) return 0;
  const int64_t depth = gemm_depth_step(args);
  return static_cast<size_t>(gemm_row_block(depth) * gemm_scratch_stride(depth));
}

int64_t gemm_expanded_panels(int64_t k, int64_t panels) {
  const int64_t panel_bytes = 16 * static_cast<int64_t>(sizeof(float)) * std::max<int64_t>(k, 1);
  return std::clamp<int64_t>(kExpandedBytes / panel_bytes, 1, panels);
}

size_t gemm_scratch_size(const GemmArgs& args) {
  const int64_t panels = args.b.bfloat16 ? gemm_expanded_panels(args.k, kMaxTilePanels) : 0;
  return gemm_rows_size(args) + static_cast<size_t>(panels * 16 * args.k);
}

int64_t narrow_row_block(int64_t row_bytes) {
  return std::clamp(kBlockBytes / row_bytes, kMinNarrowRows, kMaxBlockRows);
}

size_t narrow_rows_size(int64_t row_bytes) {
  return static_cast<size_t>(narrow_row_block(row_bytes) * row_bytes) / sizeof(float);
}

int64_t narrow_floats_rows(int64_t k) {
  return std::clamp<int64_t>(kNarrowFloats / std::max<int64_t>(k, 1), 1, kMaxTileRows);
}

int64_t narrow_floats_stride(int64_t k) { return (k + 15) / 16 * 16; }

size_t narrow_scratch_size(const GemmArgs& args) {
  if (args.codes || args.a_bfloat16) return 0;
  const int64_t row_bytes = args.pairs ? 2 * bfloat16_stride(args.k) : code_stride(args.k);
  const int64_t floats = narrow_floats_rows(args.k) * narrow_floats_stride(args.k);
  return narrow_rows_size(row_bytes) + (gemm_copies_rows(args) ? static_cast<size_t>(floats) : 0);
}

int64_t word_row_bytes(int64_t k) { return code_stride(2 * k); }

size_t word_panel_offset(int64_t k) { return narrow_rows_size(word_row_bytes(k)); }

size_t word_rest_offset(int64_t k) {
  return word_panel_offset(k) + static_cast<size_t>((k + 3) / 4 * 4 * 16) / 2;
}

size_t word_scratch_size(const GemmArgs& args) {
  if (args.codes || !gemm_copies_rows(args)) return word_rest_offset(args.k);
  return word_rest_offset(args.k) +
         static_cast<size_t>(narrow_floats_rows(args.k) *
                             std::max(narrow_floats_stride(args.k), code_stride(args.k) / 4));
}

GemmGrid gemm_grid(int64_t m, int64_t n, int64_t k, int threads, const GemmCosts& costs) {
  const int64_t panels = (n + 15) / 16;
  GemmGrid best{m, panels, 1, 1};
  // Below this a thread's share does not repay waking it: about 5 us of one core.
  constexpr double kMinMultiplyAdds = 4e5;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int64_t wanted = std::clamp<int64_t>(
      static_cast<int64_t>(std::min(work / kMinMultiplyAdds, 1e6)), 1, std::max(threads, 1));
  const int64_t row_units = (m + costs.rows - 1) / costs.rows;
  const int64_t panel_units = (panels + costs.panels - 1) / costs.panels;
  double best_cost = -1;
  for (int64_t row_tiles = 1; row_tiles <= wanted; ++row_tiles) {
    const int64_t panel_tiles = wanted / row_tiles;
    const int64_t rows = (row_units + row_tiles - 1) / row_tiles;
    const int64_t columns = (panel_units + panel_tiles - 1) / panel_tiles;
    // The longest share.
    const double cost = static_cast<double>(rows * columns) +
                        costs.per_rows * static_cast<double>(rows) +
                        costs.per_panels * static_cast<double>(columns);
    if (best_cost >= 0 && cost >= best_cost) continue;
    best_cost = cost;
    best.rows = std::min(m, rows * costs.rows);
    best.panels = std::min(panels, columns * costs.panels);
    best.row_tiles = (m + best.rows - 1) / best.rows;
    best.panel_tiles = (panels + best.panels - 1) / best.panels;
  }
  return best;
}

}  // namespace vitro::cpu
