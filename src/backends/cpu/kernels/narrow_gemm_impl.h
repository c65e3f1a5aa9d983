#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/narrow_micro_impl.h"
#include "backends/cpu/kernels/probe_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

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
[[gnu::noinline]] void activate_to_narrow(const GemmArgs& g, const Activation& activation,
                                          const PanelRange& range, int64_t row, int64_t rows,
                                          const float* y, int64_t ldy) {
  const F f(activation);
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
  Activation activation = g.activation;
  if (lds == range.panels * 16 && lds < V::kActivationBatch * V::kWidth && activation.is_costly()) {
    // One long row: those of the tile are shorter than what is computed together.
    if (residual) activate<V>({}, {sums, lds, residual, g.ldr, sums, lds, rows, range.columns});
    activate<V>(activation, {.x = sums, .dst = sums, .columns = rows * lds});
    residual = nullptr;
    activation = {};
  }
  if (!N::result(g)) {
    activate<V>(activation, {sums, lds, residual, g.ldr, g.c + row * g.ldc + column, g.ldc, rows,
                             range.columns});
    return;
  }
  if (residual) activate<V>({}, {sums, lds, residual, g.ldr, sums, lds, rows, range.columns});
  with_activation<V>(activation.kind, [&]<class F>() {
    activate_to_narrow<N, F>(g, activation, range, row, rows, sums, lds);
  });
}

/// Some panels while the tiles of rows pass.
template <class D>
class NarrowPanels {
 public:
  NarrowPanels(const GemmArgs& g, const PanelRange& range, int64_t lda, int64_t tiles)
      : g_(g),
        range_(range),
        multiplies_stored_(MultipliesWords<D> && tiles == 1),
        buffered_(N::result(g) || g.activation.is_costly() || !range.whole()) {
    const int64_t column = range.panel * 16;
    tile_ = {};
    tile_.steps = (g.k + N::kGroup - 1) / N::kGroup;
    tile_.lda = lda * static_cast<int64_t>(sizeof(typename RowsOf<D>::type::Element));
    tile_.panel_stride = tile_.steps * 64;
    stored_ = tile_.b = static_cast<const char*>(N::weights(g)) + range.panel * tile_.panel_stride;
    if constexpr (MultipliesWords<D>) {
      if (!multiplies_stored_) widen();
    }
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
    prefetch_ = stored_ + range_.panels * tile_.panel_stride;
    prefetch_bytes_ = (bytes + tiles - 1) / tiles;
    tile_.prefetch_step = (prefetch_bytes_ + tile_.steps - 1) / tile_.steps;
  }

  /// Rows [row, row + rows), which begin at `a`.
  void multiply(int64_t row, int rows, const void* a) {
    const int64_t column = range_.panel * 16;
    tile_.a = static_cast<const char*>(a);
    tile_.prefetch = prefetch_;
    if (prefetch_) prefetch_ += prefetch_bytes_;
    if (!buffered_) {
      tile_.c = g_.c + row * g_.ldc + column;
      tile_.residual = g_.residual ? g_.residual + row * g_.ldr + column : nullptr;
    }
    kernel(rows)(tile_);
    if (buffered_) finish_narrow<N>(g_, range_, row, rows, buffer_, kColumns);
  }

 private:
  using N = typename D::Format;
  static constexpr int64_t kColumns = 16 * D::kPanels;

  NarrowMicroKernel kernel(int rows) const {
    static constexpr NarrowMicroTable<D> kTable;
    if constexpr (MultipliesWords<D>) {
      static constexpr NarrowMicroTable<D, true> kOfStored;
      if (multiplies_stored_) return kOfStored.entry[rows - 1][range_.panels - 1];
    }
    return kTable.entry[rows - 1][range_.panels - 1];
  }

  /// The panel as words in scratch.
  void widen() {
    static_assert(D::kPanels == 1);
    auto* words = reinterpret_cast<int16_t*>(g_.scratch + word_panel_offset(g_.k));
    tile_.b = reinterpret_cast<const char*>(words);
    const auto* group = reinterpret_cast<const int8_t*>(stored_);
    for (int64_t i = 0; i < tile_.steps; ++i, group += 64, words += 64)
      D::widen_weights(group, words);
    tile_.steps *= 2;
  }

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
  bool multiplies_stored_;  // bytes, of which one tile makes words on the way
  bool buffered_;
  NarrowTile tile_;
  const char* stored_;  // the weights in the plan
  const char* prefetch_ = nullptr;
  int64_t prefetch_bytes_ = 0;
  alignas(64) float buffer_[D::kRows * kColumns];
  alignas(64) float scale_[kColumns], bias_[kColumns];
};

/// See gemm_block().
template <class D, class Element>
void narrow_block(const GemmArgs& g, const RowTiles& tiles, int64_t first, int64_t last,
                  const Element* a, int64_t lda, int64_t panel_begin, int64_t panel_end) {
  const auto range_from = [&](int64_t panel) {
    const int64_t left = panel_end - panel;
    return PanelRange(g, panel, left < D::kPanels ? left : D::kPanels);
  };
  for (int64_t panel = panel_begin; panel < panel_end; panel += D::kPanels) {
    NarrowPanels<D> panels(g, range_from(panel), lda, last - first);
    panels.look_ahead(range_from(panel + D::kPanels), last - first);
    for (int64_t i = first; i < last; ++i)
      panels.multiply(tiles.start(i), static_cast<int>(tiles.rows(i)),
                      a + (tiles.start(i) - tiles.start(first)) * lda);
  }
}

template <class D>
void narrow_tile(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                 int64_t panel_end) {
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const typename RowsOf<D>::type source(g);
  const RowTiles tiles(m_begin, m_end, D::kRows);
  const int64_t step = source.block() / D::kRows;  // at least 1
  for (int64_t first = 0; first < tiles.count; first += step) {
    const int64_t last = first + step < tiles.count ? first + step : tiles.count;
    const int64_t row = tiles.start(first);
    narrow_block<D>(g, tiles, first, last, source.read(row, tiles.start(last)), source.stride(),
                    panel_begin, panel_end);
  }
}

/// Making rows narrow weighs four times what reading them does beside a product of floats; words
/// are made of rows and of panels.
template <class D>
constexpr GemmKernel narrow_kernel() {
  constexpr bool kWords = MultipliesWords<D>;
  return {narrow_tile<D>,
          kWords ? word_scratch_size : narrow_scratch_size,
          {D::kRows, D::kPanels, kWords ? 0.6 : 0.2, kWords ? 0.3 : 0.1},
          narrow_probe<D>,
          kNarrowProbeMultiplyAdds<D>};
}

}  // namespace
}  // namespace vitro::cpu
