#pragma once

#include "backends/cpu/kernels/word_rows_impl.h"

namespace vitro::cpu {
namespace {

/// One call of the micro-kernel of a product of narrow numbers: kRows rows by kPanels whole panels.
struct NarrowTile {
  int64_t steps;  // of a group of k
  const char* a;
  int64_t lda;  // bytes, as panel_stride
  const char* b;
  int64_t panel_stride;
  const float* scale;     // of codes
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
    const NarrowTile& t, const typename D::Sums (&sums)[kRows][kPanels * D::kRegs], int p) {
  using V = typename D::V;
  using N = typename D::Format;
  constexpr int kVecs = 16 / V::kWidth;
  typename V::Reg scale[kVecs], bias[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    scale[v] = t.scale ? V::load(t.scale + p * 16 + v * V::kWidth) : V::zero();
    bias[v] = t.bias ? V::load(t.bias + p * 16 + v * V::kWidth) : V::zero();
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    typename V::Reg y[kVecs];
    D::to_floats(&sums[r][p * D::kRegs], y);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int column = p * 16 + v * V::kWidth;
      y[v] = N::end(y[v], scale[v], bias[v]);
      if (t.residual) y[v] = V::add(y[v], V::load(t.residual + r * t.ldr + column));
      if (t.clamp) y[v] = V::min(V::set1(t.high), V::max(V::set1(t.low), y[v]));
      V::store(t.c + r * t.ldc + column, y[v]);
    }
  }
}

/// Adds the products of `steps` steps; load(b, v) gives register v of the weights of one.
template <class D, int kRows, int kRegs, class Load>
[[gnu::always_inline]] inline void add_steps(const NarrowTile& t, int64_t steps, const char* a,
                                             int64_t a_step, const char* prefetch,
                                             typename D::Sums (&sums)[kRows][kRegs],
                                             const Load& load) {
  const char* b = t.b;
  const int64_t lda = t.lda, prefetch_step = t.prefetch_step;
  for (; steps > 0; --steps) {
    typename D::Weights weights[kRegs];
#pragma GCC unroll 8
    for (int v = 0; v < kRegs; ++v) weights[v] = load(b, v);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename D::Values x = D::broadcast(a + r * lda);
#pragma GCC unroll 8
      for (int v = 0; v < kRegs; ++v) sums[r][v] = D::dot(sums[r][v], x, weights[v]);
    }
    if (prefetch) {
      __builtin_prefetch(prefetch, 0, 2);
      prefetch += prefetch_step;
    }
    a += a_step;
    b += 64;
  }
}

/// kStored: of words, from weights that are bytes still, the two steps of a group one after the
/// other.
template <class D, int kRows, int kPanels, bool kStored>
[[gnu::noinline]] void narrow_micro_kernel(const NarrowTile& t) {
  constexpr int kRegs = kPanels * D::kRegs;
  typename D::Sums sums[kRows][kRegs];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kRegs; ++v) sums[r][v] = D::zero();
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) __builtin_prefetch(t.c + r * t.ldc, 1);
  if constexpr (kStored) {
    add_steps<D>(t, t.steps, t.a, 8, t.prefetch, sums,
                 [](const char* b, int v) { return D::template widened<0>(b + 32 * v); });
    add_steps<D>(t, t.steps, t.a + 4, 8, nullptr, sums,
                 [](const char* b, int v) { return D::template widened<1>(b + 32 * v); });
  } else {
    add_steps<D>(t, t.steps, t.a, 4, t.prefetch, sums,
                 [panel_stride = t.panel_stride](const char* b, int v) {
                   return D::load(b + v / D::kRegs * panel_stride + v % D::kRegs * (64 / D::kRegs));
                 });
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) end_panel<D, kRows, kPanels>(t, sums, p);
}

using NarrowMicroKernel = void (*)(const NarrowTile&);

/// The micro-kernels by [rows - 1][panels - 1].
template <class D, bool kStored = false>
struct NarrowMicroTable {
  NarrowMicroKernel entry[D::kRows][D::kPanels];

  constexpr NarrowMicroTable() : entry{} { fill<1>(); }
  template <int kRows, int kPanels = 1>
  constexpr void fill() {
    if constexpr (kRows > D::kRows) {
      return;
    } else if constexpr (kPanels > D::kPanels) {
      fill<kRows + 1>();
    } else {
      entry[kRows - 1][kPanels - 1] = narrow_micro_kernel<D, kRows, kPanels, kStored>;
      fill<kRows, kPanels + 1>();
    }
  }
};

}  // namespace
}  // namespace vitro::cpu
