#pragma once

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"
#include "backends/cpu/kernels/micro_kernel_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

/// Columns of A, and rows of B, that are multiplied together.
struct DepthRange {
  int64_t begin;
  int64_t size;
};

/// Brings the packed panels [begin, end), at most `width` of them, into the second-level cache
/// while `tiles` calls use those before them. The calls share the work evenly: a burst in the first
/// ones takes up the fill buffers that their own loads need, and costs a fifth when weights come
/// from the last-level cache. Of a part of k it is the first panel, the others are left to the
/// hardware.
struct WeightPrefetch {
  const char* start = nullptr;
  int64_t bytes_per_call = 0;
  int64_t step = 0;

  WeightPrefetch(const GemmArgs& g, const DepthRange& depth, int64_t begin, int64_t end,
                 int64_t width, int64_t tiles) {
    if (g.b.row_stride != 16 || begin >= end) return;
    const int64_t most = depth.size < g.k ? 1 : width;
    const int64_t panels = end - begin < most ? end - begin : most;
    const int64_t offset = begin * g.b.panel_stride + depth.begin * 16;
    int64_t row_bytes = 64;
    if (g.b.bfloat16) {
      row_bytes = 32;
      start = reinterpret_cast<const char*>(g.b.bfloat16 + offset);
    } else {
      start = reinterpret_cast<const char*>(g.b.data + offset);
    }
    bytes_per_call = (panels * depth.size * row_bytes + tiles - 1) / tiles;
    step = (bytes_per_call + depth.size - 1) / depth.size;
  }
  void aim(MicroTile& t, int64_t tile) const {
    t.prefetch = start ? start + tile * bytes_per_call : nullptr;
    t.prefetch_step = step;
  }
};

/// The micro-kernel's arguments for `panels` panels from `panel` on, whatever the rows.
template <class V>
MicroTile panels_tile(const GemmArgs& g, const DepthRange& depth, int64_t lda, int64_t panel,
                      int64_t panels) {
  const int64_t offset = panel * g.b.panel_stride + depth.begin * g.b.row_stride;
  const int64_t columns_left = g.n - panel * 16;
  const bool last = depth.begin + depth.size == g.k;
  MicroTile t{};
  t.k = depth.size;
  t.lda = lda;
  if (g.b.bfloat16) {
    t.bfloat16 = g.b.bfloat16 + offset;
    t.b = t.expanded = g.scratch + gemm_rows_size(g);
  } else {
    t.b = g.b.data + offset;
  }
  t.panel_stride = g.b.panel_stride;
  t.row_stride = g.b.row_stride;
  t.columns = static_cast<int>(columns_left < panels * 16 ? columns_left : panels * 16);
  t.bias = g.bias ? g.bias + panel * 16 : nullptr;
  t.ldr = g.ldr;
  t.ldc = t.ldp = g.ldc;
  if (last && g.activation.kind == Activation::Kind::Clamp) {
    t.clamp = true;
    t.low = g.activation.alpha;
    t.high = g.activation.beta;
  }
  return t;
}

/// Tiles [first, last) against panels [panel_begin, panel_end): a pair of panels stays in L1 or L2
/// while the row tiles pass. `a` is the first row of tile `first`. Parts of k come in order: the
/// sums of one wait in C for the next, which does not change a bit.
template <class V>
void gemm_block(const GemmArgs& g, const RowTiles& tiles, int64_t first, int64_t last,
                const DepthRange& depth, const float* a, int64_t lda, int64_t panel_begin,
                int64_t panel_end) {
  const int64_t width = g.b.bfloat16 ? gemm_expanded_panels(g.k, V::kGemmPanels) : V::kGemmPanels;
  const bool is_last = depth.begin + depth.size == g.k;
  const bool activated = is_last && g.activation.is_costly();
  for (int64_t panel = panel_begin; panel < panel_end; panel += width) {
    const int64_t left = panel_end - panel;
    const int panels = static_cast<int>(left < width ? left : width);
    MicroTile t = panels_tile<V>(g, depth, lda, panel, panels);
    const WeightPrefetch ahead(g, depth, panel + panels, panel_end, width, last - first);
    ActivatedTiles<V> activated_tiles(g.activation);
    for (int64_t i = first; i < last; ++i) {
      const int64_t row = tiles.start(i);
      const int rows = static_cast<int>(tiles.rows(i));
      t.a = a + (row - tiles.start(first)) * lda;
      t.c = g.c + row * g.ldc + panel * 16;
      t.partial = depth.begin > 0 ? t.c : nullptr;
      t.residual = is_last && g.residual ? g.residual + row * g.ldr + panel * 16 : nullptr;
      ahead.aim(t, i - first);
      const bool expand = g.b.bfloat16 && i == first;
      const MicroKernel kernel = micro_kernel_for<V>(rows, t.columns, expand);
      if (!activated) {
        kernel(t);
        continue;
      }
      activated_tiles.multiply(kernel, t, rows);
      if (activated_tiles.is_full() || i + 1 == last) activated_tiles.activate_all();
    }
  }
}

template <class V>
void gemm_tile(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
               int64_t panel_end) {
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const bool copy = gemm_copies_rows(g);
  const int64_t depth_step = gemm_depth_step(g);
  const int64_t lda = copy ? gemm_scratch_stride(depth_step) : g.lda;
  const RowTiles tiles(m_begin, m_end, V::kGemmRows);
  const int64_t step = gemm_row_block(depth_step) / V::kGemmRows;  // at least 1
  for (int64_t first = 0; first < tiles.count; first += step) {
    const int64_t last = first + step < tiles.count ? first + step : tiles.count;
    const int64_t row = tiles.start(first);
    int64_t k = 0;
    do {  // once where k is 0, too
      const DepthRange depth{k, g.k - k < depth_step ? g.k - k : depth_step};
      if (copy) prepare_rows<V>(g, row, tiles.start(last), k, k + depth.size, g.scratch, lda);
      const float* a = copy ? g.scratch : g.a + row * lda;
      gemm_block<V>(g, tiles, first, last, depth, a, lda, panel_begin, panel_end);
      k += depth_step;
    } while (k < g.k);
  }
}

}  // namespace
}  // namespace vitro::cpu
