#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/rows_impl.h"
#include "backends/cpu/kernels/winograd.h"

namespace vitro::cpu {
namespace {

/// The transforms of one axis. Points come in pairs of opposite sign, whose even and odd terms are
/// the same.
template <class V, int kTile>
struct WinogradAxis;

template <class V>
struct WinogradAxis<V, 2> {
  using Reg = typename V::Reg;

  static void input(const Reg (&d)[4], Reg (&points)[4]) {
    points[0] = V::sub(d[0], d[2]);
    points[1] = V::add(d[2], d[1]);
    points[2] = V::sub(d[2], d[1]);
    points[3] = V::sub(d[3], d[1]);
  }
  static void output(const Reg (&sums)[4], Reg (&y)[2]) {
    y[0] = V::add(sums[0], V::add(sums[1], sums[2]));
    y[1] = V::add(sums[3], V::sub(sums[1], sums[2]));
  }
};

template <class V>
struct WinogradAxis<V, 4> {
  using Reg = typename V::Reg;
  static constexpr float kA = kWinogradNear, kB = kWinogradFar;

  static void input(const Reg (&d)[6], Reg (&points)[6]) {
    const Reg a = V::set1(kA), b = V::set1(kB), a2 = V::set1(kA * kA), b2 = V::set1(kB * kB);
    const Reg product = V::set1(kA * kA * kB * kB), sum = V::set1(kA * kA + kB * kB);
    const Reg even_a = V::fnma(b2, d[2], d[4]), odd_a = V::fnma(b2, d[1], d[3]);
    const Reg even_b = V::fnma(a2, d[2], d[4]), odd_b = V::fnma(a2, d[1], d[3]);
    points[0] = V::fma(product, d[0], V::fnma(sum, d[2], d[4]));
    points[1] = V::fma(a, odd_a, even_a);
    points[2] = V::fnma(a, odd_a, even_a);
    points[3] = V::fma(b, odd_b, even_b);
    points[4] = V::fnma(b, odd_b, even_b);
    points[5] = V::fma(product, d[1], V::fnma(sum, d[3], d[5]));
  }
  static void output(const Reg (&sums)[6], Reg (&y)[4]) {
    const Reg even_a = V::add(sums[1], sums[2]), odd_a = V::sub(sums[1], sums[2]);
    const Reg even_b = V::add(sums[3], sums[4]), odd_b = V::sub(sums[3], sums[4]);
    y[0] = V::add(sums[0], V::add(even_a, even_b));
    y[1] = V::fma(V::set1(kA), odd_a, V::mul(V::set1(kB), odd_b));
    y[2] = V::fma(V::set1(kA * kA), even_a, V::mul(V::set1(kB * kB), even_b));
    y[3] = V::fma(V::set1(kA * kA * kA), odd_a, V::fma(V::set1(kB * kB * kB), odd_b, sums[5]));
  }
};

/// Where a tile lies in the result.
struct WinogradTile {
  int64_t image, y, x;

  WinogradTile(const WinogradArgs& w, int64_t tile, int64_t extent) {
    const int64_t across = (w.out_w + extent - 1) / extent, down = (w.out_h + extent - 1) / extent;
    image = tile / (across * down);
    y = tile / across % down * extent;
    x = tile % across * extent;
  }
};

/// The points of one vector of channels. `pixel` gives that of row i and column j of the input.
template <class V, int kTile, class Pixel, class Store>
inline void winograd_evaluate(Pixel pixel, Store store, float* dst, ptrdiff_t stride) {
  using Reg = typename V::Reg;
  constexpr int kPoints = kTile + 2;
  Reg half[kPoints][kPoints];
#pragma GCC unroll 6
  for (int j = 0; j < kPoints; ++j) {
    Reg d[kPoints], points[kPoints];
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) d[i] = pixel(i, j);
    WinogradAxis<V, kTile>::input(d, points);
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) half[i][j] = points[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kPoints; ++i) {
    Reg points[kPoints];
    WinogradAxis<V, kTile>::input(half[i], points);
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j, dst += stride) store(dst, points[j]);
  }
}

template <class V, int kTile>
void winograd_input(const WinogradArgs& w, int64_t begin, int64_t end) {
  constexpr int kPoints = kTile + 2;
  for (int64_t tile = begin; tile < end; ++tile) {
    const WinogradTile at(w, tile, kTile);
    const int64_t y = at.y - w.pad_top, x = at.x - w.pad_left, row = w.in_w * w.channels;
    const float* corner = w.input + at.image * w.in_h * row + y * row + x * w.channels;
    float* dst = w.values + (tile - w.first_tile) * w.channels;
    if (y >= 0 && x >= 0 && y + kPoints <= w.in_h && x + kPoints <= w.in_w) {
      for_each_vector<V>(0, w.channels, [&](int64_t c, auto load, auto store) {
        winograd_evaluate<V, kTile>(
            [&](int i, int j) { return load(corner + i * row + j * w.channels + c); }, store,
            dst + c, w.values_stride);
      });
      continue;
    }
    for_each_vector<V>(0, w.channels, [&](int64_t c, auto load, auto store) {
      const auto pixel = [&](int i, int j) {
        const bool inside = y + i >= 0 && y + i < w.in_h && x + j >= 0 && x + j < w.in_w;
        return inside ? load(corner + i * row + j * w.channels + c) : V::zero();
      };
      winograd_evaluate<V, kTile>(pixel, store, dst + c, w.values_stride);
    });
  }
}

/// The first `rows` x `columns` pixels of a tile, one vector of channels. `finish` gets the row and
/// column of a pixel, and its sum.
template <class V, int kTile, class Load, class Finish>
inline void winograd_interpolate(const float* src, ptrdiff_t stride, int64_t rows, int64_t columns,
                                 Load load, Finish finish) {
  using Reg = typename V::Reg;
  constexpr int kPoints = kTile + 2;
  Reg half[kTile][kPoints];
#pragma GCC unroll 6
  for (int j = 0; j < kPoints; ++j) {
    Reg sums[kPoints], y[kTile];
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) sums[i] = load(src + (i * kPoints + j) * stride);
    WinogradAxis<V, kTile>::output(sums, y);
#pragma GCC unroll 4
    for (int i = 0; i < kTile; ++i) half[i][j] = y[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTile; ++i) {
    if (i >= rows) return;
    Reg y[kTile];
    WinogradAxis<V, kTile>::output(half[i], y);
#pragma GCC unroll 4
    for (int j = 0; j < kTile; ++j)
      if (j < columns) finish(i, j, y[j]);
  }
}

template <class V, int kTile>
void winograd_output(const WinogradArgs& w, int64_t begin, int64_t end) {
  const bool costly = w.activation.is_costly(),
             clamps = !costly && w.activation.kind != Activation::Kind::None;
  const Clamp<V> clamp(w.activation);
  const int64_t row = w.out_w * w.out_channels;
  for (int64_t tile = begin; tile < end; ++tile) {
    const WinogradTile at(w, tile, kTile);
    const int64_t rows = w.out_h - at.y < kTile ? w.out_h - at.y : kTile;
    const int64_t columns = w.out_w - at.x < kTile ? w.out_w - at.x : kTile;
    const int64_t corner = (at.image * w.out_h + at.y) * row + at.x * w.out_channels;
    const float* src = w.sums + (tile - w.first_tile) * w.out_channels;
    const float* residual = w.residual ? w.residual + corner : nullptr;
    float* dst = w.output + corner;
    for_each_vector<V>(0, w.out_channels, [&](int64_t c, auto load, auto store) {
      const auto bias = w.bias ? load(w.bias + c) : V::zero();
      winograd_interpolate<V, kTile>(src + c, w.sums_stride, rows, columns, load,
                                     [&](int i, int j, typename V::Reg y) {
                                       const int64_t pixel = i * row + j * w.out_channels + c;
                                       y = V::add(y, bias);
                                       if (residual && !costly)
                                         y = V::add(y, load(residual + pixel));
                                       if (clamps) y = clamp(y);
                                       store(dst + pixel, y);
                                     });
    });
    if (!costly) continue;
    for (int64_t i = 0; i < rows; ++i)  // pixels side by side are rows of what lies in L1
      activate<V>(w.activation,
                  {dst + i * row, w.out_channels, residual ? residual + i * row : nullptr,
                   w.out_channels, dst + i * row, w.out_channels, columns, w.out_channels});
  }
}

}  // namespace
}  // namespace vitro::cpu
