#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/direct_conv.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

/// Results side by side in a row, one vector of channels.
struct DirectTile {
  const float* input;    ///< in the padded rows: the first tap of the first result
  int64_t pixel;         ///< floats from one pixel of them to the next
  int64_t row;           ///< floats from one row to the next
  const float* weights;  ///< of the vector's first channel, in its panel
  int64_t depth;         ///< channels of a group
  const float* bias;
  const float* residual;
  float* output;
  int64_t ldc;  ///< floats from one result to the next
  const Activation* activation;
};

/// Pixel i of a row. Two bits of i scale the stride in the address itself: only each fourth pixel
/// costs an addition.
inline const float* direct_pixel(const float* row, int i, int64_t pixel) {
  const float* const group = row + i / 4 * 4 * pixel;
  return i % 4 == 3 ? group + 3 * pixel : group + i % 4 * pixel;
}

/// One row of taps of one channel of each group: `spread` gives that of pixel i in the lanes of its
/// group. Each is used for every result that it reaches.
template <class V, int kKernel, int kStride, int kBlock, class Spread>
inline void direct_taps(const float* weights, int64_t tap_stride, Spread spread,
                        typename V::Reg (&acc)[kBlock]) {
  typename V::Reg tap[kKernel];
#pragma GCC unroll 7
  for (int i = 0; i < kKernel; ++i) tap[i] = V::load(weights + i * tap_stride);
#pragma GCC unroll 31
  for (int i = 0; i < (kBlock - 1) * kStride + kKernel; ++i) {
    const typename V::Reg in = spread(i);
#pragma GCC unroll 7
    for (int j = 0; j < kKernel; ++j) {
      const int output = (i - j) / kStride;
      if (i >= j && (i - j) % kStride == 0 && output < kBlock)
        acc[output] = V::fma(in, tap[j], acc[output]);
    }
  }
}

/// A vector within one group.
struct WideGroups {
  template <class V, int kKernel, int kStride, int kBlock>
  static void row(const DirectTile& t, const float* input, const float* weights,
                  typename V::Reg (&acc)[kBlock]) {
    const int64_t tap_stride = t.depth * 16, pixel = t.pixel;
    for (int64_t c = t.depth; c > 0; --c, ++input, weights += 16)
      direct_taps<V, kKernel, kStride>(
          weights, tap_stride, [&](int i) { return V::set1(*direct_pixel(input, i, pixel)); }, acc);
  }
};

/// A vector of groups of kWidth channels.
template <int kWidth>
struct NarrowGroups {
  template <class V, int kKernel, int kStride, int kBlock, int kChannel = 0>
  static void row(const DirectTile& t, const float* input, const float* weights,
                  typename V::Reg (&acc)[kBlock]) {
    const int64_t pixel = t.pixel;
    direct_taps<V, kKernel, kStride>(
        weights + kChannel * 16, kWidth * 16,
        [&](int i) {
          return V::template spread<kWidth, kChannel>(V::load(direct_pixel(input, i, pixel)));
        },
        acc);
    if constexpr (kChannel + 1 < kWidth)
      row<V, kKernel, kStride, kBlock, kChannel + 1>(t, input, weights, acc);
  }
};

template <class V, class Groups, int kKernel, int kStride, int kBlock>
void direct_tile(const DirectTile& t) {
  using Reg = typename V::Reg;
  Reg acc[kBlock];
  const Reg first = t.bias ? V::load(t.bias) : V::zero();
#pragma GCC unroll 14
  for (int i = 0; i < kBlock; ++i) acc[i] = first;
  for (int64_t ky = 0; ky < kKernel; ++ky)
    Groups::template row<V, kKernel, kStride>(t, t.input + ky * t.row,
                                              t.weights + ky * kKernel * t.depth * 16, acc);
  if (t.residual) {
#pragma GCC unroll 14
    for (int i = 0; i < kBlock; ++i) acc[i] = V::add(acc[i], V::load(t.residual + i * t.ldc));
  }
  if (t.activation->kind == Activation::Kind::Clamp) {
    const Clamp<V> clamp(*t.activation);
#pragma GCC unroll 14
    for (int i = 0; i < kBlock; ++i) acc[i] = clamp(acc[i]);
  }
#pragma GCC unroll 14
  for (int i = 0; i < kBlock; ++i) V::store(t.output + i * t.ldc, acc[i]);
}

using DirectTileKernel = void (*)(const DirectTile&);

/// The tiles by [width - 1]. More taps in registers leave room for fewer results.
template <class V, class Groups, int kKernel, int kStride>
struct DirectTiles {
  static constexpr int kMaxWidth = V::kDirectConvBlock + 3 - kKernel;
  DirectTileKernel entry[kMaxWidth];

  constexpr DirectTiles() : entry{} { fill<1>(); }
  template <int kBlock>
  constexpr void fill() {
    if constexpr (kBlock <= kMaxWidth) {
      entry[kBlock - 1] = direct_tile<V, Groups, kKernel, kStride, kBlock>;
      fill<kBlock + 1>();
    }
  }
};

struct DirectTileKernels {
  const DirectTileKernel* by_width;
  int max_width;
};

template <class V, class Groups, int kKernel, int kStride>
DirectTileKernels direct_tiles() {
  static constexpr DirectTiles<V, Groups, kKernel, kStride> kTiles;
  return {kTiles.entry, kTiles.kMaxWidth};
}

template <class V>
DirectTileKernels direct_tiles_for(const DirectConvArgs& d) {
  if (d.kernel == 7) return direct_tiles<V, WideGroups, 7, 2>();
  const bool strided = d.stride == 2;
  if constexpr (V::kWidth > 4)
    if (d.group_out == 4)
      return strided ? direct_tiles<V, NarrowGroups<4>, 3, 2>()
                     : direct_tiles<V, NarrowGroups<4>, 3, 1>();
  if constexpr (V::kWidth > 8)
    if (d.group_out == 8)
      return strided ? direct_tiles<V, NarrowGroups<8>, 3, 2>()
                     : direct_tiles<V, NarrowGroups<8>, 3, 1>();
  return strided ? direct_tiles<V, WideGroups, 3, 2>() : direct_tiles<V, WideGroups, 3, 1>();
}

/// Rows of the padded input from `top` on, its channels [begin, end), one behind the other.
template <class V>
void direct_copy(const DirectConvArgs& d, int64_t top, int64_t rows, int64_t begin, int64_t end) {
  const int64_t width = end - begin, across = direct_conv_reach(d, d.out_w);
  const int64_t channels = d.groups * d.group_in;
  const int64_t left = d.pad_left < across ? d.pad_left : across;
  const int64_t inside = d.in_w < across - left ? d.in_w : across - left;
  float* dst = d.scratch;
  for (int64_t y = top; y < top + rows; ++y, dst += across * width) {
    if (y < 0 || y >= d.in_h) {
      zero_floats<V>(across * width, dst);
      continue;
    }
    zero_floats<V>(left * width, dst);
    const float* src = d.input + y * d.in_w * channels + begin;
    float* to = dst + left * width;
    if (width == channels)
      copy_floats<V>(src, inside * width, to);
    else
      for (int64_t x = 0; x < inside; ++x)
        copy_floats<V>(src + x * channels, width, to + x * width);
    zero_floats<V>((across - left - inside) * width, to + inside * width);
  }
}

template <class V>
void direct_conv(const DirectConvArgs& d, int64_t y_begin, int64_t y_end, int64_t panel_begin,
                 int64_t panel_end) {
  const DirectConvChannels all = direct_conv_channels(d, panel_begin, panel_end);
  const int64_t channels = d.groups * d.group_out;
  direct_copy<V>(d, y_begin * d.stride - d.pad_top, direct_conv_reach(d, y_end - y_begin),
                 all.in_begin, all.in_end);
  DirectTile t{};
  t.pixel = all.in_end - all.in_begin;
  t.row = direct_conv_reach(d, d.out_w) * t.pixel;
  t.depth = d.group_in;
  t.ldc = channels;
  t.activation = &d.activation;
  const DirectTileKernels kernels = direct_tiles_for<V>(d);
  const RowTiles tiles(0, d.out_w, kernels.max_width);
  for (int64_t panel = all.begin; panel < all.end; panel += 16) {
    const int64_t end = panel + 16 < all.end ? panel + 16 : all.end;
    for (int64_t y = y_begin; y < y_end; ++y)
      for (int64_t i = 0; i < tiles.count; ++i) {
        const float* input = d.scratch + (y - y_begin) * d.stride * t.row +
                             tiles.start(i) * d.stride * t.pixel - all.in_begin;
        const int64_t at = (y * d.out_w + tiles.start(i)) * channels;
        for (int64_t channel = panel; channel < end; channel += V::kWidth) {
          t.input = input + channel / d.group_out * d.group_in;
          t.weights = d.weights + panel * d.kernel * d.kernel * d.group_in + channel % 16;
          t.bias = d.bias ? d.bias + channel : nullptr;
          t.residual = d.residual ? d.residual + at + channel : nullptr;
          t.output = d.output + at + channel;
          kernels.by_width[tiles.rows(i) - 1](t);
        }
        if (d.activation.is_costly()) {
          float* results = d.output + at + panel;
          activate<V>(d.activation, {.x = results,
                                     .ldx = channels,
                                     .dst = results,
                                     .ldd = channels,
                                     .rows = tiles.rows(i),
                                     .columns = end - panel});
        }
      }
  }
}

}  // namespace
}  // namespace vitro::cpu
