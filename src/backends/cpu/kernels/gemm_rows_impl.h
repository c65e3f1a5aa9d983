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
  if (i < count) {
    const auto mask = V::tail(static_cast<int>(count - i));
    V::store_tail(dst + i, V::load_tail(src + i, mask), mask);
  }
}

/// One patch of an [h, w, c] image: kernel_h runs of kernel_w * c floats.
template <class V>
void gather_patch(const PatchSource& p, const float* corner, float* dst) {
  const int64_t run = p.kernel_w * p.channels;
  for (int64_t y = 0; y < p.kernel_h; ++y)
    copy_floats<V>(corner + y * p.in_w * p.channels, run, dst + y * run);
}

template <class V>
void gather_patches(const PatchSource& p, int64_t begin, int64_t end, float* dst, int64_t ld) {
  const int64_t out_w = p.in_w / p.kernel_w;
  const int64_t out_h = p.in_h / p.kernel_h;
  // Counters instead of divisions per row: a patch of the first layer is only 48 floats.
  int64_t x = begin % out_w;
  int64_t y = begin / out_w % out_h;
  int64_t image = begin / (out_w * out_h);
  for (int64_t row = begin; row < end; ++row, dst += ld) {
    const float* pixels = p.input + image * p.in_h * p.in_w * p.channels;
    const int64_t corner = y * p.kernel_h * p.in_w + x * p.kernel_w;
    gather_patch<V>(p, pixels + corner * p.channels, dst);
    if (++x < out_w) continue;
    x = 0;
    if (++y < out_h) continue;
    y = 0;
    ++image;
  }
}

/// Rows [begin, end) of A, as the product reads them, into dst [end - begin, ld].
template <class V>
void prepare_rows(const GemmArgs& g, int64_t begin, int64_t end, float* dst, int64_t ld) {
  if (g.patches) {
    gather_patches<V>(*g.patches, begin, end, dst, ld);
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
