#pragma once

#include <algorithm>

#include "backends/cpu/kernels/amx_config.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/vec_avx512.h"

namespace vitro::cpu {
namespace {

using V = VecAvx512;

constexpr int64_t kRowBytes = 64;     // of a row, which one tile instruction multiplies
constexpr int64_t kTileBytes = 1024;  // of a panel: the packed form has the order of tiles
constexpr int64_t kTilePanels = 2;
constexpr int64_t kColumns = 16 * kTilePanels;

/// One or two tiles of rows of format N against the panels of a range. T has the tile instructions.
template <class T, class N>
class TileRows {
 public:
  using Element = typename N::Element;
  TileRows(const GemmArgs& g, int64_t row, int64_t first, int64_t second, const Element* a,
           int64_t lda)
      : g_(g), row_(row), first_(first), second_(second), a_(a), lda_(lda) {
    const TileConfig config(first, std::max<int64_t>(second, 1));
    T::configure(config);
  }

  void multiply(int64_t panel_begin, int64_t panel_end) const {
    for (int64_t panel = panel_begin; panel < panel_end; panel += kTilePanels) {
      const PanelRange range(g_, panel, std::min(panel_end - panel, kTilePanels));
      alignas(64) Sum sums[2 * kTileRows * kColumns];
      if (second_ > 0)
        range.panels > 1 ? sum<2, 2>(range, sums) : sum<2, 1>(range, sums);
      else
        range.panels > 1 ? sum<1, 2>(range, sums) : sum<1, 1>(range, sums);
      finish(range, sums);
    }
  }

 private:
  static constexpr bool kCodes = sizeof(Element) == 1;
  static constexpr int64_t kDepth = kRowBytes / static_cast<int64_t>(sizeof(Element));
  using Sum = std::conditional_t<kCodes, int32_t, float>;

  static int64_t panel_bytes(int64_t k) { return (k + N::kGroup - 1) / N::kGroup * 64; }

  template <int kTiles, int kPanels>
  void sum(const PanelRange& range, Sum* sums) const {
    const int64_t panel_stride = panel_bytes(g_.k);
    const char* b = static_cast<const char*>(N::weights(g_)) + range.panel * panel_stride;
    T::zero_sums();
    int64_t k = 0;
    for (; k + kDepth <= g_.k; k += kDepth, b += kTileBytes)
      multiply_block<kTiles, kPanels>(k, b, panel_stride);
    if (k < g_.k) {  // weights beyond k are the next panel's
      alignas(64) char rest[kPanels * kTileBytes] = {};
      for (int64_t p = 0; p < kPanels; ++p)
        std::copy_n(b + p * panel_stride, panel_bytes(g_.k - k), rest + p * kTileBytes);
      multiply_block<kTiles, kPanels>(k, rest, kTileBytes);
    }
    constexpr int64_t kStride = kColumns * sizeof(Sum);
    T::template store<0>(sums, kStride);
    if constexpr (kPanels > 1) T::template store<1>(sums + 16, kStride);
    if constexpr (kTiles > 1) T::template store<2>(sums + first_ * kColumns, kStride);
    if constexpr (kTiles > 1 && kPanels > 1)
      T::template store<3>(sums + first_ * kColumns + 16, kStride);
  }

  template <int kTiles, int kPanels>
  void multiply_block(int64_t k, const char* b, int64_t panel_stride) const {
    constexpr int64_t kElement = sizeof(Element);
    T::template load<4>(a_ + k, lda_ * kElement);
    if constexpr (kTiles > 1) T::template load<5>(a_ + first_ * lda_ + k, lda_ * kElement);
    T::template load<6>(b, 64);
    if constexpr (kPanels > 1) T::template load<7>(b + panel_stride, 64);
    T::template multiply<0>();
    if constexpr (kPanels > 1) T::template multiply<1>();
    if constexpr (kTiles > 1) T::template multiply<2>();
    if constexpr (kTiles > 1 && kPanels > 1) T::template multiply<3>();
  }

  static V::Reg floats(const Sum* sums) {
    if constexpr (kCodes)
      return _mm512_cvtepi32_ps(_mm512_load_si512(sums));
    else
      return V::load(sums);
  }

  void finish(const PanelRange& range, const Sum* sums) const {
    alignas(64) float buffer[2 * kTileRows * kColumns];
    const bool buffered = N::result(g_) || g_.activation.is_costly();
    const bool clamp = g_.activation.kind == Activation::Kind::Clamp;
    const auto low = V::set1(g_.activation.alpha), high = V::set1(g_.activation.beta);
    for (int64_t p = 0; p < range.panels; ++p) {
      const int64_t column = (range.panel + p) * 16;
      const auto mask = V::tail(static_cast<int>(std::min<int64_t>(g_.n - column, 16)));
      const auto scale = kCodes ? V::load_tail(N::scale(g_) + column, mask) : V::zero();
      const auto bias = g_.bias ? V::load_tail(g_.bias + column, mask) : V::zero();
      for (int64_t r = 0; r < first_ + second_; ++r) {
        const int64_t at = r * kColumns + p * 16, row = row_ + r;
        auto y = N::end(floats(sums + at), scale, bias);
        if (buffered) {
          V::store(buffer + at, y);
          continue;
        }
        if (g_.residual) y = V::add(y, V::load_tail(g_.residual + row * g_.ldr + column, mask));
        if (clamp) y = V::min(high, V::max(low, y));
        V::store_tail(g_.c + row * g_.ldc + column, y, mask);
      }
    }
    if (buffered) finish_narrow<N>(g_, range, row_, first_ + second_, buffer, kColumns);
  }

  const GemmArgs& g_;
  int64_t row_, first_, second_;
  const Element* a_;
  int64_t lda_;  // elements
};

template <class T, class N>
void narrow_tile_amx(const GemmArgs& g, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                     int64_t panel_end) {
  if (m_begin >= m_end || panel_begin >= panel_end) return;
  const NarrowRows<N> source(g);
  const RowTiles tiles(m_begin, m_end, kTileRows);
  const int64_t step = std::max<int64_t>(2, source.block() / kTileRows / 2 * 2);
  for (int64_t first = 0; first < tiles.count; first += step) {
    const int64_t last = std::min(first + step, tiles.count), row = tiles.start(first);
    const typename N::Element* a = source.read(row, tiles.start(last));
    for (int64_t i = first; i < last; i += 2) {
      const int64_t second = i + 1 < last ? tiles.rows(i + 1) : 0;
      TileRows<T, N>(g, tiles.start(i), tiles.rows(i), second,
                     a + (tiles.start(i) - row) * source.stride(), source.stride())
          .multiply(panel_begin, panel_end);
    }
  }
  T::release();
}

/// Tile products in registers only, four independent chains.
template <class T>
float narrow_probe_amx(int64_t iterations) {
  alignas(64) const char zeros[kTileBytes] = {};
  alignas(64) float sums[kTileRows * 16];
  T::configure(TileConfig(kTileRows, kTileRows));
  T::zero_sums();
  T::template load<4>(zeros, 64);
  T::template load<5>(zeros, 64);
  T::template load<6>(zeros, 64);
  T::template load<7>(zeros, 64);
  for (int64_t n = 0; n < iterations; ++n) {
    T::template multiply<0>();
    T::template multiply<1>();
    T::template multiply<2>();
    T::template multiply<3>();
  }
  T::template store<0>(sums, 64);
  T::release();
  return sums[0];
}

/// The costs as narrow_kernel() has them, of two tiles by two.
template <class T, class N>
constexpr GemmKernel narrow_kernel_amx() {
  return {narrow_tile_amx<T, N>,
          narrow_scratch_size,
          {32, 2, 0.6, 0.1},
          narrow_probe_amx<T>,
          4.0 * 16 * 16 * kRowBytes / sizeof(typename N::Element)};
}

}  // namespace

}  // namespace vitro::cpu
