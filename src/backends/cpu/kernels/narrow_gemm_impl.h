#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/narrow_rows_impl.h"
#include "backends/cpu/kernels/probe_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

/// One call of the micro-kernel of a product of narrow numbers: kRows rows by kPanels whole panels.
struct NarrowTile {
  int64_t steps;  // of a group of k
  const char* a;
  int64_t lda;  // bytes, as panel_stride
  const char* b;
  int64_t panel_stride;
  const float* scale;     // of codes
  const float* bias;      // or null
  const float* residual;  // or null
  int64_t ldr;
  float* c;
  int64_t ldc;
  bool clamp;  // of the result, to [low, high]
  float low;
  float high;
  const char* prefetch;  // what a later call reads, or null
  int64_t prefetch_step;
};

/// The ends of the sums of panel p.
template <class D, int kRows, int kPanels>
[[gnu::always_inline]] inline void end_panel(
    const NarrowTile& t, const typename D::Sums (&sums)[kRows][kPanels * D::kRegs], int p) {
  using V = typename D::V;
  using N = typename D::Format;
  constexpr int kVecs = 16 / V::kWidth;
  typename V::Reg scale[kVecs], bias[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    scale[v] = t.scale ? V::load(t.scale + p * 16 + v * V::kWidth) : V::zero();
    bias[v] = t.bias ? V::load(t.bias + p * 16 + v * V::kWidth) : V::zero();
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    typename V::Reg y[kVecs];
    D::to_floats(&sums[r][p * D::kRegs], y);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int column = p * 16 + v * V::kWidth;
      y[v] = N::end(y[v], scale[v], bias[v]);
      if (t.residual) y[v] = V::add(y[v], V::load(t.residual + r * t.ldr + column));
      if (t.clamp) y[v] = V::min(V::set1(t.high), V::max(V::set1(t.low), y[v]));
      V::store(t.c + r * t.ldc + column, y[v]);
    }
  }
}

template <class D, int kRows, int kPanels>
[[gnu::noinline]] void narrow_micro_kernel(const NarrowTile& t) {
  constexpr int kRegs = kPanels * D::kRegs;
  typename D::Sums sums[kRows][kRegs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kRegs; ++v) sums[r][v] = D::zero();
  const char* a = t.a;
  const char* b = t.b;
  const char* prefetch = t.prefetch;
  const int64_t lda = t.lda, panel_stride = t.panel_stride, prefetch_step = t.prefetch_step;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) __builtin_prefetch(t.c + r * t.ldc, 1);
  for (int64_t step = t.steps; step > 0; --step) {
    typename D::Weights weights[kRegs];
#pragma GCC unroll 8
    for (int v = 0; v < kRegs; ++v)
      weights[v] = D::load(b + v / D::kRegs * panel_stride + v % D::kRegs * (64 / D::kRegs));
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename D::Values x = D::broadcast(a + r * lda);
#pragma GCC unroll 8
      for (int v = 0; v < kRegs; ++v) sums[r][v] = D::dot(sums[r][v], x, weights[v]);
    }
    if (prefetch) {
      __builtin_prefetch(prefetch, 0, 2);
      prefetch += prefetch_step;
    }
    a += 4;
    b += 64;
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) end_panel<D, kRows, kPanels>(t, sums, p);
}

using NarrowMicroKernel = void (*)(const NarrowTile&);

/// The micro-kernels by [rows - 1][panels - 1].
template <class D>
struct NarrowMicroTable {
  NarrowMicroKernel entry[D::kRows][D::kPanels];

  constexpr NarrowMicroTable() : entry{} { fill<1>(); }
  template <int kRows, int kPanels = 1>
  constexpr void fill() {
    if constexpr (kRows > D::kRows) {
      return;
    } else if constexpr (kPanels > D::kPanels) {
      fill<kRows + 1>();
    } else {
      entry[kRows - 1][kPanels - 1] = narrow_micro_kernel<D, kRows, kPanels>;
      fill<kRows, kPanels + 1>();
    }
  }
};

/// What products are multiplied to: the columns of some panels, from the first one on.
struct PanelRange {
  int64_t panel;
  int64_t panels;
  int64_t columns;

  PanelRange(const GemmArgs& g, int64_t first, int64_t count)
      : panel(first),
        panels(count),
        columns(g.n - first * 16 < count * 16 ? g.n - first * 16 : count * 16) {}
  bool whole() const { return columns == panels * 16; }
};

/// The activation of `rows` rows as the next product reads it.
template <class N, class F>
[[gnu::noinline]] void activate_to_narrow(const GemmArgs& g, const PanelRange& range, int64_t row,
                                          int64_t rows, const float* y, int64_t ldy) {
  const F f(g.activation);
  const int64_t column = range.panel * 16;
  const N format = N::of_result(g, column);
  auto* result = N::result(g) + row * g.ldc;
  for (int64_t r = 0; r < rows; ++r, result += g.ldc) {
    narrow_with(f, y + r * ldy, range.columns, format, result + column);
    if (column + range.columns == g.n) N::end_row(result, g.n);
  }
}

/// The end of a product whose sums with bias are in a buffer: residual, activation, narrow numbers.
template <class N, class V = typename N::V>
void finish_narrow(const GemmArgs& g, const PanelRange& range, int64_t row, int64_t rows,
                   float* sums, int64_t lds) {
  const int64_t column = range.panel * 16;
  const float* residual = g.residual ? g.residual + row * g.ldr + column : nullptr;
  if (!N::result(g)) {
    activate<V>(g.activation, {sums, lds, residual, g.ldr, g.c + row * g.ldc + column, g.ldc, rows,
                               range.columns});
    return;
  }
  if (residual) activate<V>({}, {sums, lds, residual, g.ldr, sums, lds, rows, range.columns});
  with_activation<V>(g.activation.kind,
                     [&]<class F>() { activate_to_narrow<N, F>(g, range, row, rows, sums, lds); });
}

/// Some panels while the tiles of rows pass.
template <class D>
class NarrowPanels {
 public:
  NarrowPanels(const GemmArgs& g, const PanelRange& range, int64_t lda)
      : g_(g),
        range_(range),
        buffered_(N::result(g) || g.activation.is_costly() || !range.whole()) {
    const int64_t column = range.panel * 16;
    tile_ = {};
    tile_.steps = (g.k + N::kGroup - 1) / N::kGroup;
    tile_.lda = lda * static_cast<int64_t>(sizeof(typename N::Element));
    tile_.panel_stride = tile_.steps * 64;
    tile_.b = static_cast<const char*>(N::weights(g)) + range.panel * tile_.panel_stride;
    tile_.scale = N::scale(g) ? N::scale(g) + column : nullptr;
    tile_.bias = g.bias ? g.bias + column : nullptr;
    if (!range.whole()) pad();
    if (buffered_) {
      tile_.c = buffer_;
      tile_.ldc = kColumns;
      return;
    }
    tile_.ldr = g.ldr;
    tile_.ldc = g.ldc;
    if (g.activation.kind == Activation::Kind::Clamp) {
      tile_.clamp = true;
      tile_.low = g.activation.alpha;
      tile_.high = g.activation.beta;
    }
  }

  /// Calls after this one bring the panels of `next`, which follow these, into the second-level
  /// cache. They share the work evenly: see WeightPrefetch.
  void look_ahead(const PanelRange& next, int64_t tiles) {
    if (next.panels <= 0) return;
    const int64_t bytes = next.panels * tile_.panel_stride;
    prefetch_ = tile_.b + range_.panels * tile_.panel_stride;
    prefetch_bytes_ = (bytes + tiles - 1) / tiles;
    tile_.prefetch_step = (prefetch_bytes_ + tile_.steps - 1) / tile_.steps;
  }

  /// Rows [row, row + rows), which begin at `a`.
  void multiply(int64_t row, int rows, const void* a) {
    static constexpr NarrowMicroTable<D> kTable;
    const int64_t column = range_.panel * 16;
    tile_.a = static_cast<const char*>(a);
    tile_.prefetch = prefetch_;
    if (prefetch_) prefetch_ += prefetch_bytes_;
    if (!buffered_) {
      tile_.c = g_.c + row * g_.ldc + column;
      tile_.residual = g_.residual ? g_.residual + row * g_.ldr + column : nullptr;
    }
    kTable.entry[rows - 1][range_.panels - 1](tile_);
    if (buffered_) finish_narrow<N>(g_, range_, row, rows, buffer_, kColumns);
  }

 private:
  using N = typename D::Format;
  static constexpr int64_t kColumns = 16 * D::kPanels;

  /// The micro-kernel reads whole panels of scales and biases.
  void pad() {
    for (int64_t i = 0; i < kColumns; ++i) {
      scale_[i] = i < range_.columns && tile_.scale ? tile_.scale[i] : 0.0f;
      bias_[i] = i < range_.columns && tile_.bias ? tile_.bias[i] : 0.0f;
    }
    if (tile_.scale) tile_.scale = scale_;
    tile_.bias = bias_;
  }

  const GemmArgs& g_;
  PanelRange range_;
  bool buffered_;
  NarrowTile tile_;
  const char* prefetch_ = nullptr;
  int64_t prefetch_bytes_ = 0;
  alignas(64) float buffer_[D::kRows * kColumns];
  alignas(64) float scale_[kColumns], bias_[kColumns];
};

/// See gemm_block().
template <class D, class Element = typename D::Format::Element>
void narrow_block(const GemmArgs& g, const RowTiles& tiles, int64_t first, int64_t last,
                  const Element* a, int64_t lda, int64_t panel_begin, int64_t panel_end) {
  const auto range_from = [&](int64_t panel) {
    const int64_t left = panel_end - panel;
    return PanelRange(g, panel, left < D::kPanels ? left : D::kPanels);
  };
  for (int64_t panel = panel_begin; panel < panel_end; panel += D::kPanels) {
    NarrowPanels<D> panels(g, range_from(panel), lda);
    panels.look_ahead(range_from(panel + D::kPanels), last - first);
    for (int64_t i = first; i < last; ++i)
      panels.multiply(tiles.start(i), static_cast<int>(tiles.rows(i)),
                      a + (tiles.start(i) - tiles.start(first)) * lda);
  }
}

template <class D>
void narrow_tile(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                 int64_t panel_end) {
  using N = typename D::Format;
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const NarrowRows<N> source(g);
  const RowTiles tiles(m_begin, m_end, D::kRows);
  const int64_t step = source.block() / D::kRows;  // at least 1
  for (int64_t first = 0; first < tiles.count; first += step) {
    const int64_t last = first + step < tiles.count ? first + step : tiles.count;
    const int64_t row = tiles.start(first);
    narrow_block<D>(g, tiles, first, last, source.read(row, tiles.start(last)), source.stride(),
                    panel_begin, panel_end);
  }
}

/// Making rows narrow weighs four times what reading them does beside a product of floats.
template <class D>
constexpr GemmKernel narrow_kernel() {
  return {narrow_tile<D>,
          narrow_scratch_size,
          {D::kRows, D::kPanels, 0.2, 0.1},
          narrow_probe<D>,
          kNarrowProbeMultiplyAdds<D>};
}

}  // namespace
}  // namespace vitro::cpu
