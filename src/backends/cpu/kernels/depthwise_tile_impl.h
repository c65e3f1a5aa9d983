#pragma once

#include "backends/cpu/kernels/depthwise.h"

namespace vitro::cpu {
namespace {

/// Where a depthwise convolution reads: element (y, x, channel) of the image is origin[y * row + x
/// * pixel + channel].
struct DepthwiseInput {
  const float* origin;
  int64_t pixel;
  int64_t row;

  explicit DepthwiseInput(const DepthwiseArgs& d)
      : origin(d.input), pixel(d.channels), row(d.in_w * d.channels) {}
};

/// Channels of a copy: a cache line of each pixel.
constexpr int64_t kDepthwiseLine = 16;
/// Pixels of a copy, half of a first-level cache.
constexpr int64_t kDepthwiseTilePixels = 256;
/// Rows of results that are made of a copy at most.
constexpr int64_t kDepthwiseTileRows = 8;

/// Pixels, along an axis of extent `in`, that so many results are made of at most.
inline int64_t depthwise_reach(int64_t results, int64_t kernel, int64_t stride, int64_t in) {
  const int64_t reach = (results - 1) * stride + kernel;
  return reach < in ? reach : in;
}

/// Whether the pixels behind `rows` x `width` results are better copied, so that a line of each
/// stays in the first-level cache, of 64 sets by eight ways: pixels of a power of two of channels
/// share few sets. Copying costs what eight sets lose where a vector is a whole line; half a line
/// is read twice.
template <class V>
bool depthwise_aliases(const DepthwiseArgs& d, int64_t rows, int64_t width) {
  constexpr int64_t kSets = 64, kWays = 8;
  if (d.channels % kDepthwiseLine != 0) return false;
  const int64_t lines = d.channels / kDepthwiseLine, power = lines & -lines;
  const int64_t sets = power < kSets ? kSets / power : 1;
  return sets * V::kWidth <= 64 && depthwise_reach(rows, d.kernel_h, d.stride_h, d.in_h) *
                                           depthwise_reach(width, d.kernel_w, d.stride_w, d.in_w) >
                                       sets * kWays;
}

/// Rows of results, `width` side by side, that a copy is large enough for.
inline int64_t depthwise_tile_rows(const DepthwiseArgs& d, int64_t width) {
  const int64_t across = depthwise_reach(width, d.kernel_w, d.stride_w, d.in_w);
  int64_t rows = kDepthwiseTileRows;
  while (rows > 1 &&
         depthwise_reach(rows, d.kernel_h, d.stride_h, d.in_h) * across > kDepthwiseTilePixels)
    --rows;
  return rows;
}

/// Copies the kDepthwiseLine channels from `channel` on of the pixels behind results [x, x + width)
/// of rows [y_begin, y_end), one pixel behind the other.
template <class V>
DepthwiseInput depthwise_copy(const DepthwiseArgs& d, int64_t y_begin, int64_t y_end, int64_t x,
                              int64_t width, int64_t channel, float* tile) {
  const auto clamp = [](int64_t i, int64_t in) { return i < 0 ? 0 : i < in ? i : in; };
  const int64_t top = clamp(y_begin * d.stride_h - d.pad_top, d.in_h),
                bottom = clamp((y_end - 1) * d.stride_h - d.pad_top + d.kernel_h, d.in_h);
  const int64_t left = clamp(x * d.stride_w - d.pad_left, d.in_w),
                right = clamp((x + width - 1) * d.stride_w - d.pad_left + d.kernel_w, d.in_w);
  DepthwiseInput copy(d);
  copy.pixel = kDepthwiseLine;
  copy.row = (right - left) * kDepthwiseLine;
  copy.origin = tile - top * copy.row - left * copy.pixel - channel;
  for (int64_t y = top; y < bottom; ++y) {
    const float* src = d.input + (y * d.in_w + left) * d.channels + channel;
    for (int64_t i = left; i < right; ++i, src += d.channels, tile += kDepthwiseLine)
#pragma GCC unroll 4
      for (int64_t c = 0; c < kDepthwiseLine; c += V::kWidth) V::store(tile + c, V::load(src + c));
  }
  return copy;
}

}  // namespace
}  // namespace vitro::cpu
