#pragma once

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/gemm_plan.h"
#include "backends/cpu/kernels/norm_impl.h"

namespace vitro::cpu {
namespace {

template <class V>
void copy_floats(const float* src, int64_t count, float* dst) {
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) V::store(dst + i, V::load(src + i));
  if (i == count) return;
  if (count > V::kWidth) {  // again what was copied: masked stores are slow on AMD before AVX-512
    V::store(dst + count - V::kWidth, V::load(src + count - V::kWidth));
  } else {
    const auto mask = V::tail(static_cast<int>(count - i));
    V::store_tail(dst + i, V::load_tail(src + i, mask), mask);
  }
}

template <class V>
void zero_floats(int64_t count, float* dst) {
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) V::store(dst + i, V::zero());
  if (i < count) V::store_tail(dst + i, V::zero(), V::tail(static_cast<int>(count - i)));
}

/// The elements of an image, and what lies outside of it.
template <class V>
struct FloatPixels {
  using Element = float;
  const PatchSource& p;

  const float* image() const { return p.input; }
  void copy(const float* src, int64_t pixels, float* dst) const {
    copy_floats<V>(src, pixels * p.channels, dst);
  }
  void outside(int64_t pixels, float* dst) const { zero_floats<V>(pixels * p.channels, dst); }
};

struct CodePixels {
  using Element = uint8_t;
  const PatchSource& p;

  const uint8_t* image() const { return p.codes; }
  void copy(const uint8_t* src, int64_t pixels, uint8_t* dst) const {
    __builtin_memcpy(dst, src, static_cast<size_t>(pixels * p.channels));
  }
  void outside(int64_t pixels, uint8_t* dst) const {
    for (; pixels > 0; --pixels, dst += p.channels) copy(p.outside, 1, dst);
  }
};

/// Taps [kx, kx + taps) of one row of a kernel: the pixels of the image row at `row` from x on.
template <class Pixels, class T = typename Pixels::Element>
void gather_run(const Pixels& pixels, const T* row, int64_t x, int64_t taps, T* dst) {
  const PatchSource& p = pixels.p;
  const int64_t c = p.channels;
  if (p.dilation_w == 1 && p.pixel_stride == c) {
    int64_t before = x < 0 ? -x : 0;
    if (before > taps) before = taps;
    int64_t until = p.in_w - x < taps ? p.in_w - x : taps;
    if (until < before) until = before;
    pixels.outside(before, dst);
    pixels.copy(row + (x + before) * c, until - before, dst + before * c);
    pixels.outside(taps - until, dst + until * c);
    return;
  }
  for (int64_t i = 0; i < taps; ++i, x += p.dilation_w, dst += c) {
    if (x < 0 || x >= p.in_w)
      pixels.outside(1, dst);
    else
      pixels.copy(row + x * p.pixel_stride, 1, dst);
  }
}

/// Taps [begin, end) of the patch whose first tap is pixel (y, x) of an image: runs of channels.
template <class Pixels, class T = typename Pixels::Element>
void gather_patch(const Pixels& pixels, const T* image, int64_t y, int64_t x, int64_t begin,
                  int64_t end, T* dst) {
  const PatchSource& p = pixels.p;
  int64_t ky = 0, kx = begin;
  for (; kx >= p.kernel_w; kx -= p.kernel_w) ++ky;
  for (int64_t tap = begin; tap < end; ++ky, kx = 0) {
    const int64_t taps = p.kernel_w - kx < end - tap ? p.kernel_w - kx : end - tap;
    const int64_t row = y + ky * p.dilation_h;
    if (row < 0 || row >= p.in_h)
      pixels.outside(taps, dst);
    else
      gather_run(pixels, image + row * p.in_w * p.pixel_stride, x + kx * p.dilation_w, taps, dst);
    dst += taps * p.channels;
    tap += taps;
  }
}

/// Columns [depth_begin, depth_end) of rows [begin, end), whole taps.
template <class Pixels, class T = typename Pixels::Element>
void gather_patches(const Pixels& pixels, int64_t begin, int64_t end, int64_t depth_begin,
                    int64_t depth_end, T* dst, int64_t ld) {
  const PatchSource& p = pixels.p;
  const int64_t tap_begin = depth_begin / p.channels, tap_end = depth_end / p.channels;
  // Counters instead of divisions per row: a patch of the first layer is only 48 floats.
  int64_t x = begin % p.out_w;
  int64_t y = begin / p.out_w % p.out_h;
  int64_t image = begin / (p.out_w * p.out_h);
  for (int64_t row = begin; row < end; ++row, dst += ld) {
    gather_patch(pixels, pixels.image() + image * p.in_h * p.in_w * p.pixel_stride,
                 y * p.stride_h - p.pad_top, x * p.stride_w - p.pad_left, tap_begin, tap_end, dst);
    if (++x < p.out_w) continue;
    x = 0;
    if (++y < p.out_h) continue;
    y = 0;
    ++image;
  }
}

/// Columns [depth_begin, depth_end) of rows [begin, end) of A, as the product reads them, into dst
/// [end - begin, ld]. Without patches the range is all columns.
template <class V>
void prepare_rows(const GemmArgs& g, int64_t begin, int64_t end, int64_t depth_begin,
                  int64_t depth_end, float* dst, int64_t ld) {
  if (g.patches) {
    gather_patches(FloatPixels<V>{*g.patches}, begin, end, depth_begin, depth_end, dst, ld);
    return;
  }
  for (int64_t row = begin; row < end; ++row, dst += ld) {
    const float* src = g.a + row * g.lda;
    if (g.layer_norm)
      normalise_row<V>(src, g.k, g.eps, nullptr, nullptr, dst);
    else
      copy_floats<V>(src, g.k, dst);
  }
}

}  // namespace
}  // namespace vitro::cpu
