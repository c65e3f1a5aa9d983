#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/probe_impl.h"
#include "backends/cpu/kernels/quantize_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

/// One call of the micro-kernel of a quantized product: kRows rows by kPanels whole panels.
struct QuantizedTile {
  int64_t steps;  // of four codes
  const uint8_t* a;
  int64_t lda;
  const int8_t* b;
  int64_t panel_stride;
  const float* scale;
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
    const QuantizedTile& t, const typename D::Sums (&sums)[kRows][kPanels * D::kRegs], int p) {
  using V = typename D::V;
  constexpr int kVecs = 16 / V::kWidth;
  typename V::Reg scale[kVecs], bias[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    scale[v] = V::load(t.scale + p * 16 + v * V::kWidth);
    bias[v] = t.bias ? V::load(t.bias + p * 16 + v * V::kWidth) : V::zero();
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    typename V::Reg y[kVecs];
    D::to_floats(&sums[r][p * D::kRegs], y);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int column = p * 16 + v * V::kWidth;
      y[v] = V::fma_once(y[v], scale[v], bias[v]);
      if (t.residual) y[v] = V::add(y[v], V::load(t.residual + r * t.ldr + column));
      if (t.clamp) y[v] = V::min(V::set1(t.high), V::max(V::set1(t.low), y[v]));
      V::store(t.c + r * t.ldc + column, y[v]);
    }
  }
}

template <class D, int kRows, int kPanels>
[[gnu::noinline]] void quantized_micro_kernel(const QuantizedTile& t) {
  constexpr int kRegs = kPanels * D::kRegs;
  typename D::Sums sums[kRows][kRegs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kRegs; ++v) sums[r][v] = D::zero();
  const uint8_t* a = t.a;
  const int8_t* b = t.b;
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
      const typename D::Codes x = D::broadcast(a + r * lda);
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

using QuantizedMicroKernel = void (*)(const QuantizedTile&);

/// The micro-kernels by [rows - 1][panels - 1].
template <class D>
struct QuantizedMicroTable {
  QuantizedMicroKernel entry[D::kRows][D::kPanels];

  constexpr QuantizedMicroTable() : entry{} { fill<1>(); }
  template <int kRows, int kPanels = 1>
  constexpr void fill() {
    if constexpr (kRows > D::kRows) {
      return;
    } else if constexpr (kPanels > D::kPanels) {
      fill<kRows + 1>();
    } else {
      entry[kRows - 1][kPanels - 1] = quantized_micro_kernel<D, kRows, kPanels>;
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

/// Codes of the activation of `rows` rows.
template <class V, class F>
[[gnu::noinline]] void activate_to_codes(const GemmArgs& g, const PanelRange& range, int64_t row,
                                         int64_t rows, const float* y, int64_t ldy) {
  const F f(g.activation);
  const int64_t column = range.panel * 16;
  const Quantizer q{g.result.factor + column, g.result.offset + column};
  uint8_t* codes = g.result_codes + row * g.ldc + column;
  for (int64_t r = 0; r < rows; ++r)
    quantize_with<V>(f, y + r * ldy, range.columns, q, codes + r * g.ldc);
}

/// The end of a product whose fma(sum, scale, bias) are in a buffer: residual, activation, codes.
template <class V>
void finish_quantized(const GemmArgs& g, const PanelRange& range, int64_t row, int64_t rows,
                      float* sums, int64_t lds) {
  const int64_t column = range.panel * 16;
  const float* residual = g.residual ? g.residual + row * g.ldr + column : nullptr;
  if (!g.result_codes) {
    activate<V>(g.activation, {sums, lds, residual, g.ldr, g.c + row * g.ldc + column, g.ldc, rows,
                               range.columns});
    return;
  }
  if (residual) activate<V>({}, {sums, lds, residual, g.ldr, sums, lds, rows, range.columns});
  with_activation<V>(g.activation.kind,
                     [&]<class F>() { activate_to_codes<V, F>(g, range, row, rows, sums, lds); });
}

/// Some panels while the tiles of rows pass.
template <class D>
class QuantizedPanels {
 public:
  QuantizedPanels(const GemmArgs& g, const PanelRange& range, int64_t lda)
      : g_(g),
        range_(range),
        buffered_(g.result_codes || g.activation.is_costly() || !range.whole()) {
    const int64_t column = range.panel * 16;
    tile_ = {};
    tile_.steps = (g.k + 3) / 4;
    tile_.lda = lda;
    tile_.panel_stride = tile_.steps * 64;
    tile_.b = g.quantized.data + range.panel * tile_.panel_stride;
    tile_.scale = g.quantized.scale + column;
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
    prefetch_ = reinterpret_cast<const char*>(tile_.b) + range_.panels * tile_.panel_stride;
    prefetch_bytes_ = (bytes + tiles - 1) / tiles;
    tile_.prefetch_step = (prefetch_bytes_ + tile_.steps - 1) / tile_.steps;
  }

  /// Rows [row, row + rows), which begin at `a`.
  void multiply(int64_t row, int rows, const uint8_t* a) {
    static constexpr QuantizedMicroTable<D> kTable;
    const int64_t column = range_.panel * 16;
    tile_.a = a;
    tile_.prefetch = prefetch_;
    if (prefetch_) prefetch_ += prefetch_bytes_;
    if (!buffered_) {
      tile_.c = g_.c + row * g_.ldc + column;
      tile_.residual = g_.residual ? g_.residual + row * g_.ldr + column : nullptr;
    }
    kTable.entry[rows - 1][range_.panels - 1](tile_);
    if (buffered_) finish_quantized<typename D::V>(g_, range_, row, rows, buffer_, kColumns);
  }

 private:
  static constexpr int64_t kColumns = 16 * D::kPanels;

  /// The micro-kernel reads whole panels of scales and biases.
  void pad() {
    for (int64_t i = 0; i < kColumns; ++i) {
      scale_[i] = i < range_.columns ? tile_.scale[i] : 0.0f;
      bias_[i] = i < range_.columns && tile_.bias ? tile_.bias[i] : 0.0f;
    }
    tile_.scale = scale_;
    tile_.bias = bias_;
  }

  const GemmArgs& g_;
  PanelRange range_;
  bool buffered_;
  QuantizedTile tile_;
  const char* prefetch_ = nullptr;
  int64_t prefetch_bytes_ = 0;
  alignas(64) float buffer_[D::kRows * kColumns];
  alignas(64) float scale_[kColumns], bias_[kColumns];
};

/// See gemm_block().
template <class D>
void quantized_block(const GemmArgs& g, const RowTiles& tiles, int64_t first, int64_t last,
                     const uint8_t* a, int64_t lda, int64_t panel_begin, int64_t panel_end) {
  const auto range_from = [&](int64_t panel) {
    const int64_t left = panel_end - panel;
    return PanelRange(g, panel, left < D::kPanels ? left : D::kPanels);
  };
  for (int64_t panel = panel_begin; panel < panel_end; panel += D::kPanels) {
    QuantizedPanels<D> panels(g, range_from(panel), lda);
    panels.look_ahead(range_from(panel + D::kPanels), last - first);
    for (int64_t i = first; i < last; ++i)
      panels.multiply(tiles.start(i), static_cast<int>(tiles.rows(i)),
                      a + (tiles.start(i) - tiles.start(first)) * lda);
  }
}

template <class D>
void quantized_tile(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                    int64_t panel_end) {
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const int64_t lda = g.codes ? g.lda : code_stride(g.k);
  auto* copy = reinterpret_cast<uint8_t*>(g.scratch);
  const RowTiles tiles(m_begin, m_end, D::kRows);
  const int64_t step = quantized_row_block(g.k) / D::kRows;  // at least 1
  for (int64_t first = 0; first < tiles.count; first += step) {
    const int64_t last = first + step < tiles.count ? first + step : tiles.count;
    const int64_t row = tiles.start(first);
    if (!g.codes) quantize_rows<typename D::V>(g, row, tiles.start(last), copy, lda);
    const uint8_t* a = g.codes ? g.codes + row * lda : copy;
    quantized_block<D>(g, tiles, first, last, a, lda, panel_begin, panel_end);
  }
}

/// Reading and quantizing rows weighs four times what reading them does beside a product of floats.
template <class D>
constexpr GemmKernel quantized_kernel() {
  return {quantized_tile<D>,
          quantized_scratch_size,
          {D::kRows, D::kPanels, 0.2, 0.1},
          quantized_probe<D>,
          kQuantizedProbeMultiplyAdds<D>};
}

}  // namespace
}  // namespace vitro::cpu
