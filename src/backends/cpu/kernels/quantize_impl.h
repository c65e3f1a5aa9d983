#pragma once

#include "backends/cpu/kernels/gemm_plan.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"

namespace vitro::cpu {
namespace {

/// Codes of f(x) for `count` numbers; q begins at the first of them.
template <class V, class F>
[[gnu::always_inline]] inline void quantize_with(const F& f, const float* x, int64_t count,
                                                 const Quantizer& q, uint8_t* dst) {
  constexpr int64_t kStep = V::kCodeRegs * V::kWidth;
  typename V::Reg y[V::kCodeRegs];
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
    for (int r = 0; r < V::kCodeRegs; ++r) {
      const int64_t at = i + r * V::kWidth;
      y[r] = V::fma_once(f(V::load(x + at)), V::load(q.factor + at), V::load(q.offset + at));
    }
    V::store_codes(dst + i, y);
  }
  if (i == count) return;
#pragma GCC unroll 4
  for (int r = 0; r < V::kCodeRegs; ++r) {
    const int64_t at = i + r * V::kWidth;
    const auto mask = V::tail(static_cast<int>(count - at));
    y[r] = V::fma_once(f(V::load_tail(x + at, mask)), V::load_tail(q.factor + at, mask),
                       V::load_tail(q.offset + at, mask));
  }
  V::store_codes_tail(dst + i, y, static_cast<int>(count - i));
}

template <class V>
void quantize_floats(const float* x, int64_t count, const Quantizer& q, uint8_t* dst) {
  quantize_with<V>([](typename V::Reg v) { return v; }, x, count, q, dst);
}

template <class V>
void quantize_matrix(const float* x, int64_t rows, int64_t channels, const Quantizer& q,
                     uint8_t* dst) {
  for (; rows > 0; --rows, x += channels, dst += channels) quantize_floats<V>(x, channels, q, dst);
}

/// Codes of rows [begin, end) of A, ld apart.
template <class V>
void quantize_rows(const GemmArgs& g, int64_t begin, int64_t end, uint8_t* dst, int64_t ld) {
  const Quantizer& q = g.quantized.rows;
  if (g.patches && g.patches->codes) {
    gather_patches(CodePixels{*g.patches}, begin, end, 0, g.k, dst, ld);
    return;
  }
  if (!gemm_copies_rows(g)) {
    for (int64_t row = begin; row < end; ++row, dst += ld)
      quantize_floats<V>(g.a + row * g.lda, g.k, q, dst);
    return;
  }
  float* floats = g.scratch + quantized_codes_size(g.k);
  const int64_t stride = quantized_floats_stride(g.k), step = quantized_floats_rows(g.k);
  for (int64_t row = begin; row < end; row += step) {
    const int64_t rows = end - row < step ? end - row : step;
    prepare_rows<V>(g, row, row + rows, 0, g.k, floats, stride);
    for (int64_t i = 0; i < rows; ++i, dst += ld)
      quantize_floats<V>(floats + i * stride, g.k, q, dst);
  }
}

}  // namespace
}  // namespace vitro::cpu
