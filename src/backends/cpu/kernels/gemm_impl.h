#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

/// One call of the micro-kernel: kRows rows by kVecs registers, which cover the columns.
struct MicroTile {
  int64_t k;
  const float* a;
  int64_t lda;
  const float* b;
  ptrdiff_t panel_stride;
  ptrdiff_t row_stride;
  const float* bias;
  const float* partial;  // the sums so far, instead of bias, or null
  int64_t ldp;
  const float* residual;
  int64_t ldr;
  float* c;
  int64_t ldc;
  bool clamp;  // of the result, to [low, high]
  float low;
  float high;
  int columns;               // valid columns, masked where they do not fill kVecs registers
  const uint16_t* bfloat16;  // what a kernel that expands reads instead of b
  float* expanded;           // and where it leaves the float32 panels
  const char* prefetch;      // what a later call reads, or null
  int64_t prefetch_step;     // bytes, for each of the k steps
};

/// Accumulators stay in registers for the whole of k, in order: that is what makes results
/// independent of the tiling. The kernel that expands reads bfloat16 weights and leaves float32
/// ones for the next calls: the stores overlap with its multiply-adds.
template <class V, int kRows, int kVecs, bool kTail, bool kExpand>
[[gnu::noinline]] void micro_kernel(const MicroTile& t) {
  using Reg = typename V::Reg;
  constexpr int kPerPanel = 16 / V::kWidth;
  typename V::Mask masks[kVecs];
  if constexpr (kTail) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) masks[v] = V::tail(t.columns - v * V::kWidth);
  }
  const auto read = [&](const float* p, [[maybe_unused]] int v) {
    if constexpr (kTail)
      return V::load_tail(p + v * V::kWidth, masks[v]);
    else
      return V::load(p + v * V::kWidth);
  };
  Reg acc[kRows][kVecs];
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
    const Reg first = t.bias ? read(t.bias, v) : V::zero();
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) acc[r][v] = t.partial ? read(t.partial + r * t.ldp, v) : first;
  }
  const float* a = t.a;
  [[maybe_unused]] const float* b = t.b;
  [[maybe_unused]] const uint16_t* bfloat16 = t.bfloat16;
  [[maybe_unused]] float* expanded = t.expanded;
  const char* prefetch = t.prefetch;
  const int64_t prefetch_step = t.prefetch_step;
  const int64_t lda = t.lda;
  const ptrdiff_t panel_stride = t.panel_stride;
  const ptrdiff_t row_stride = t.row_stride;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) __builtin_prefetch(t.c + r * t.ldc, 1);
  for (int64_t k = t.k; k > 0; --k) {
    Reg row[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const ptrdiff_t at = v / kPerPanel * panel_stride + v % kPerPanel * V::kWidth;
      if constexpr (kExpand) {
        row[v] = V::load_bfloat16(bfloat16 + at);
        V::store(expanded + at, row[v]);
      } else if constexpr (kTail) {
        row[v] = V::load_tail(b + at, masks[v]);
      } else {
        row[v] = V::load(b + at);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Reg x = V::set1(a[r * lda]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[r][v] = V::fma(x, row[v], acc[r][v]);
    }
    if (prefetch) {
      __builtin_prefetch(prefetch, 0, 2);
      prefetch += prefetch_step;
    }
    ++a;
    if constexpr (kExpand) {
      bfloat16 += row_stride;
      expanded += row_stride;
    } else {
      b += row_stride;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      Reg result = acc[r][v];
      const int column = v * V::kWidth;
      if (t.residual) result = V::add(result, read(t.residual + r * t.ldr, v));
      if (t.clamp) result = V::min(V::set1(t.high), V::max(V::set1(t.low), result));
      float* dst = t.c + r * t.ldc + column;
      if constexpr (kTail)
        V::store_tail(dst, result, masks[v]);
      else
        V::store(dst, result);
    }
  }
}

using MicroKernel = void (*)(const MicroTile&);

/// The micro-kernels by [rows - 1][registers - 1][tail][expand].
template <class V>
struct MicroTable {
  static constexpr int kMaxVecs = V::kGemmPanels * 16 / V::kWidth;
  MicroKernel entry[V::kGemmRows][kMaxVecs][2][2];

  constexpr MicroTable() : entry{} { fill<1>(); }
  template <int kRows, int kVecs = 1>
  constexpr void fill() {
    if constexpr (kRows > V::kGemmRows) {
      return;
    } else if constexpr (kVecs > kMaxVecs) {
      fill<kRows + 1>();
    } else {
      auto& kernels = entry[kRows - 1][kVecs - 1];
      kernels[0][0] = micro_kernel<V, kRows, kVecs, false, false>;
      kernels[0][1] = micro_kernel<V, kRows, kVecs, false, true>;
      kernels[1][0] = micro_kernel<V, kRows, kVecs, true, false>;
      kernels[1][1] = micro_kernel<V, kRows, kVecs, true, true>;
      fill<kRows, kVecs + 1>();
    }
  }
};

template <class V>
MicroKernel micro_kernel_for(int rows, int columns, bool expand) {
  static constexpr MicroTable<V> kTable;
  const int vecs = (columns + V::kWidth - 1) / V::kWidth;
  return kTable.entry[rows - 1][vecs - 1][columns % V::kWidth != 0][expand];
}

/// A tile whose activation cannot be done in registers: the product goes to a buffer in L1 first,
/// so that one compact loop applies it with enough independent work in flight.
template <class V>
void micro_activated(MicroKernel kernel, const MicroTile& tile, int rows,
                     const Activation& activation) {
  constexpr int kMaxColumns = 16 * V::kGemmPanels;
  alignas(64) float buffer[V::kGemmRows * kMaxColumns];
  MicroTile product = tile;
  product.residual = nullptr;
  product.c = buffer;
  product.ldc = kMaxColumns;
  for (int r = 0; r < rows; ++r) __builtin_prefetch(tile.c + r * tile.ldc, 1);
  kernel(product);
  activate<V>(activation,
              {buffer, kMaxColumns, tile.residual, tile.ldr, tile.c, tile.ldc, rows, tile.columns});
}

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
      if (activated)
        micro_activated<V>(kernel, t, rows, g.activation);
      else
        kernel(t);
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
