#pragma once

#include "backends/cpu/kernels/activation_impl.h"
#include "backends/cpu/kernels/depthwise_tile_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

namespace vitro::cpu {
namespace {

inline float* output_pixel(const DepthwiseArgs& d, int64_t y, int64_t x) {
  return d.output + ((y - d.out_y0) * d.out_w + x) * d.channels;
}

/// Pixel i of a row. Two bits of i scale the stride in the address itself: only each fourth pixel
/// costs an addition, which would take the place of a multiply-add.
template <class T>
inline T* pixel(T* row, int i, int64_t channels) {
  T* const group = row + i / 4 * 4 * channels;
  return i % 4 == 3 ? group + 3 * channels : group + i % 4 * channels;
}

/// What follows the sums where registers can do it: the bounds of Clamp.
template <class V, int kBlock>
inline void depthwise_clamp(const Activation& activation, typename V::Reg (&acc)[kBlock]) {
  if (activation.kind != Activation::Kind::Clamp) return;
  const Clamp<V> clamp(activation);
#pragma GCC unroll 14
  for (int i = 0; i < kBlock; ++i) acc[i] = clamp(acc[i]);
}

/// One row of the sum: kBlock neighbouring outputs, kKernel taps, kStride pixels apart. Each input
/// vector is loaded once and used for every output it reaches. `row` is below the first tap of the
/// first output. kEdge: `before` taps lie left of the image, `after` ones right of it.
template <class V, int kKernel, int kStride, int kBlock, bool kEdge, bool kCopied, class Load>
inline void depthwise_taps(const float* row, const float* weights, int64_t channels, int64_t before,
                           int64_t after, Load load, typename V::Reg (&acc)[kBlock]) {
  using Reg = typename V::Reg;
  constexpr int kReach = kKernel / 2;
  constexpr int kInputs = (kBlock - 1) * kStride + kKernel;
  Reg tap[kKernel];
#pragma GCC unroll 7
  for (int i = 0; i < kKernel; ++i) tap[i] = load(weights + i * channels);
#pragma GCC unroll 31
  for (int i = 0; i < kInputs; ++i) {
    if (kEdge && i < kReach && i < before) continue;
    if (kEdge && i >= kInputs - kReach && i >= kInputs - after) continue;
    const Reg in = load(kCopied ? row + i * kDepthwiseLine : pixel(row, i, channels));
#pragma GCC unroll 7
    for (int j = 0; j < kKernel; ++j) {
      const int output = (i - j) / kStride;
      if (i >= j && (i - j) % kStride == 0 && output < kBlock)
        acc[output] = V::fma(in, tap[j], acc[output]);
    }
  }
}

/// Outputs [x, x + kBlock) of rows [y_begin, y_end), one vector of channels.
template <class V, int kKernel, int kStride, int kBlock, bool kEdge, bool kCopied, class Load,
          class Store>
void depthwise_vector(const DepthwiseArgs& d, const DepthwiseInput& input, int64_t y_begin,
                      int64_t y_end, int64_t x, int64_t channel, Load load, Store store) {
  using Reg = typename V::Reg;
  const int64_t channels = d.channels, step = input.row;
  const int64_t left = x * kStride - d.pad_left;
  const int64_t before = -left, after = left + (kBlock - 1) * kStride + kKernel - d.in_w;
  const Reg first = d.bias ? load(d.bias + channel) : V::zero();
  const float* weights = d.weights + channel;
  int64_t top = y_begin * kStride - d.pad_top;
  const float* corner = input.origin + top * step + left * input.pixel + channel;
  float* dst = output_pixel(d, y_begin, x) + channel;
  for (int64_t y = y_begin; y < y_end; ++y, top += kStride) {
    Reg acc[kBlock];
#pragma GCC unroll 14
    for (int i = 0; i < kBlock; ++i) acc[i] = first;
    for (int64_t ky = 0; ky < kKernel; ++ky) {
      if (top + ky < 0 || top + ky >= d.in_h) continue;
      depthwise_taps<V, kKernel, kStride, kBlock, kEdge, kCopied>(
          corner + ky * step, weights + ky * kKernel * channels, channels, before, after, load,
          acc);
    }
    depthwise_clamp<V>(d.activation, acc);
#pragma GCC unroll 14
    for (int i = 0; i < kBlock; ++i) store(pixel(dst, i, channels), acc[i]);
    corner += kStride * step;
    dst += d.out_w * channels;
  }
}

/// Channels that pass over the image together: five rows of 18 pixels of them stay in L1 while y
/// advances.
constexpr int64_t kDepthwiseChannels = 64;
/// Rows of one vector of channels before the next vector: addresses are made once for them. More
/// would read too many pages at once for the prefetchers when the image is not in L2.
constexpr int64_t kDepthwiseRows = 4;

/// Outputs [x, x + kBlock) of rows [y_begin, y_end) for channels [begin, end), begin a multiple of
/// the group above.
template <class V, int kKernel, int kStride, int kBlock, bool kEdge, bool kCopied>
void depthwise_block(const DepthwiseArgs& d, const DepthwiseInput& input, int64_t y_begin,
                     int64_t y_end, int64_t x, int64_t begin, int64_t end) {
  using Reg = typename V::Reg;
  int64_t channel = begin;
  for (; channel + V::kWidth <= end; channel += V::kWidth) {
    depthwise_vector<V, kKernel, kStride, kBlock, kEdge, kCopied>(
        d, input, y_begin, y_end, x, channel, [](const float* p) { return V::load(p); },
        [](float* p, Reg value) { V::store(p, value); });
  }
  if (!kCopied && channel < end) {
    const auto mask = V::tail(static_cast<int>(end - channel));
    depthwise_vector<V, kKernel, kStride, kBlock, true, false>(
        d, input, y_begin, y_end, x, channel,
        [mask](const float* p) { return V::load_tail(p, mask); },
        [mask](float* p, Reg value) { V::store_tail(p, value, mask); });
  }
}

using DepthwiseBlock = void (*)(const DepthwiseArgs&, const DepthwiseInput&, int64_t y_begin,
                                int64_t y_end, int64_t x, int64_t begin, int64_t end);

/// The block kernels by [width - 1][edge][copied].
template <class V, int kKernel, int kStride>
struct DepthwiseBlocks {
  DepthwiseBlock entry[V::kDepthwiseBlock][2][2];

  constexpr DepthwiseBlocks() : entry{} { fill<1>(); }
  template <int kBlock>
  constexpr void fill() {
    if constexpr (kBlock <= V::kDepthwiseBlock) {
      entry[kBlock - 1][0][0] = depthwise_block<V, kKernel, kStride, kBlock, false, false>;
      entry[kBlock - 1][0][1] = depthwise_block<V, kKernel, kStride, kBlock, false, true>;
      entry[kBlock - 1][1][0] = depthwise_block<V, kKernel, kStride, kBlock, true, false>;
      entry[kBlock - 1][1][1] = depthwise_block<V, kKernel, kStride, kBlock, true, true>;
      fill<kBlock + 1>();
    }
  }
};

/// What else follows the sums of outputs [x, x + width) of rows [y_begin, y_end), channels [begin,
/// end).
template <class V>
void depthwise_activate(const DepthwiseArgs& d, int64_t y_begin, int64_t y_end, int64_t x,
                        int64_t width, int64_t begin, int64_t end) {
  if (!d.activation.is_costly()) return;
  for (int64_t y = y_begin; y < y_end; ++y) {
    float* dst = output_pixel(d, y, x) + begin;
    activate<V>(d.activation, {.x = dst,
                               .ldx = d.channels,
                               .dst = dst,
                               .ldd = d.channels,
                               .rows = width,
                               .columns = end - begin});
  }
}

/// Taps may lie outside of the image by half a kernel on each side. Pixels whose lines would drive
/// each other out of the first-level cache are copied first, a line of each at a time.
template <class V, int kKernel, int kStride>
void depthwise_unrolled(const DepthwiseArgs& d, int64_t y_begin, int64_t y_end) {
  static constexpr DepthwiseBlocks<V, kKernel, kStride> kBlocks;
  const RowTiles tiles(0, d.out_w, V::kDepthwiseBlock);
  const bool copies = depthwise_aliases<V>(d, kDepthwiseRows, tiles.rows(0));
  const int64_t rows = copies ? depthwise_tile_rows(d, tiles.rows(0)) : kDepthwiseRows;
  const int64_t step = copies ? kDepthwiseLine : kDepthwiseChannels;
  alignas(64) float tile[kDepthwiseTilePixels * kDepthwiseLine];
  for (int64_t channel = 0; channel < d.channels; channel += kDepthwiseChannels) {
    const int64_t left = d.channels - channel;
    const int64_t end = channel + (left < kDepthwiseChannels ? left : kDepthwiseChannels);
    for (int64_t i = 0; i < tiles.count; ++i) {
      const int64_t x = tiles.start(i);
      const int64_t width = tiles.rows(i);
      const int64_t first = x * kStride - d.pad_left;
      const bool edge = first < 0 || first + (width - 1) * kStride + kKernel > d.in_w;
      const DepthwiseBlock block = kBlocks.entry[width - 1][edge][copies];
      for (int64_t y = y_begin; y < y_end; y += rows) {
        const int64_t until = y + rows < y_end ? y + rows : y_end;
        for (int64_t c = channel; c < end; c += step)
          block(d, copies ? depthwise_copy<V>(d, y, until, x, width, c, tile) : DepthwiseInput(d),
                y, until, x, c, c + step < end ? c + step : end);
        depthwise_activate<V>(d, y, until, x, width, channel, end);
      }
    }
  }
}

/// The taps [begin, end) along an axis that meet the image of extent `in`, from `first` on.
struct DepthwiseTaps {
  int64_t begin, end;
  DepthwiseTaps(int64_t first, int64_t kernel, int64_t in)
      : begin(first < 0 ? -first : 0), end(in - first < kernel ? in - first : kernel) {}
};

/// Any geometry: outputs [x, x + kBlock) of row y, one vector of channels. `taps`: along the row,
/// those that meet the image at each of the outputs.
template <class V, int kBlock, class Load, class Store>
void depthwise_points(const DepthwiseArgs& d, int64_t y, int64_t x, int64_t channel,
                      const DepthwiseTaps& taps, Load load, Store store) {
  using Reg = typename V::Reg;
  const int64_t channels = d.channels, step = d.stride_w * channels;
  const int64_t top = y * d.stride_h - d.pad_top, left = x * d.stride_w - d.pad_left;
  const DepthwiseTaps rows(top, d.kernel_h, d.in_h);
  Reg acc[kBlock];
  const Reg first = d.bias ? load(d.bias + channel) : V::zero();
#pragma GCC unroll 8
  for (int i = 0; i < kBlock; ++i) acc[i] = first;
  for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
    const float* weights = d.weights + ky * d.kernel_w * channels + channel;
    const float* row = d.input + ((top + ky) * d.in_w + left) * channels + channel;
    for (int64_t kx = taps.begin; kx < taps.end; ++kx) {
      const Reg tap = load(weights + kx * channels);
      const float* in = row + kx * channels;
#pragma GCC unroll 8
      for (int i = 0; i < kBlock; ++i) acc[i] = V::fma(load(in + i * step), tap, acc[i]);
    }
  }
  depthwise_clamp<V>(d.activation, acc);
  float* dst = output_pixel(d, y, x) + channel;
#pragma GCC unroll 8
  for (int i = 0; i < kBlock; ++i) store(dst + i * channels, acc[i]);
}

template <class V, int kBlock>
void depthwise_points(const DepthwiseArgs& d, int64_t y, int64_t x, int64_t begin, int64_t end,
                      const DepthwiseTaps& taps) {
  int64_t channel = begin;
  for (; channel + V::kWidth <= end; channel += V::kWidth)
    depthwise_points<V, kBlock>(
        d, y, x, channel, taps, [](const float* p) { return V::load(p); },
        [](float* p, typename V::Reg value) { V::store(p, value); });
  if (channel == end) return;
  const auto mask = V::tail(static_cast<int>(end - channel));
  depthwise_points<V, kBlock>(
      d, y, x, channel, taps, [mask](const float* p) { return V::load_tail(p, mask); },
      [mask](float* p, typename V::Reg value) { V::store_tail(p, value, mask); });
}

/// One row of outputs, channels [begin, end): blocks where all taps meet the image.
template <class V>
void depthwise_row(const DepthwiseArgs& d, int64_t y, int64_t begin, int64_t end) {
  for (int64_t x = 0; x < d.out_w;) {
    const int64_t left = x * d.stride_w - d.pad_left;
    const auto inside = [&](int64_t block) {
      return x + block <= d.out_w && left >= 0 &&
             left + (block - 1) * d.stride_w + d.kernel_w <= d.in_w;
    };
    const DepthwiseTaps taps(left, d.kernel_w, d.in_w);
    if (inside(8)) {
      depthwise_points<V, 8>(d, y, x, begin, end, taps);
      x += 8;
    } else if (inside(4)) {
      depthwise_points<V, 4>(d, y, x, begin, end, taps);
      x += 4;
    } else {
      depthwise_points<V, 1>(d, y, x, begin, end, taps);
      ++x;
    }
  }
}

template <class V>
void depthwise_any(const DepthwiseArgs& d, int64_t y_begin, int64_t y_end) {
  for (int64_t y = y_begin; y < y_end; ++y) {
    depthwise_row<V>(d, y, 0, d.channels);
    depthwise_activate<V>(d, y, y + 1, 0, d.out_w, 0, d.channels);
  }
}

/// Whether no output along an axis has more than half a kernel outside of the image on either side.
inline bool depthwise_reaches(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              int64_t pad) {
  return pad <= kernel / 2 && (out - 1) * stride + kernel - pad - in <= kernel / 2;
}

template <class V>
void depthwise(const DepthwiseArgs& d, int64_t y_begin, int64_t y_end) {
  const int64_t kernel = d.kernel_h, stride = d.stride_h;
  const bool square = kernel == d.kernel_w && stride == d.stride_w &&
                      depthwise_reaches(d.in_w, d.out_w, kernel, stride, d.pad_left);
  const auto is = [&](int64_t k, int64_t s) { return square && kernel == k && stride == s; };
  if (is(3, 1))
    depthwise_unrolled<V, 3, 1>(d, y_begin, y_end);
  else if (is(5, 1))
    depthwise_unrolled<V, 5, 1>(d, y_begin, y_end);
  else if (is(7, 1))
    depthwise_unrolled<V, 7, 1>(d, y_begin, y_end);
  else if (is(3, 2))
    depthwise_unrolled<V, 3, 2>(d, y_begin, y_end);
  else if (is(5, 2))
    depthwise_unrolled<V, 5, 2>(d, y_begin, y_end);
  else if (is(7, 2))
    depthwise_unrolled<V, 7, 2>(d, y_begin, y_end);
  else
    depthwise_any<V>(d, y_begin, y_end);
}

}  // namespace
}  // namespace vitro::cpu
