#pragma once

#include "backends/cpu/kernels/word_rows_impl.h"

namespace vitro::cpu {
namespace {

/// Multiply-adds of one iteration of fma_probe.
template <class V>
constexpr int kProbeMultiplyAdds = 12 * V::kWidth;

/// Register-only multiply-adds, twelve independent chains: what no kernel can exceed.
template <class V>
float fma_probe(int64_t iterations) {
  using Reg = typename V::Reg;
  const Reg x = V::set1(0.999f);
  const Reg y = V::set1(0.001f);
  Reg acc[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) acc[i] = V::set1(static_cast<float>(i));
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) acc[i] = V::fma(acc[i], x, y);
  }
#pragma GCC unroll 12
  for (int i = 1; i < 12; ++i) acc[0] = V::add(acc[0], acc[i]);
  return V::sum(acc[0]);
}

template <class D>
constexpr double kNarrowProbeMultiplyAdds =
    16.0 * (MultipliesWords<D> ? 2 : D::Format::kGroup) * D::kRows* D::kPanels;

/// The same of narrow numbers: the micro-kernel's loop on one line of each.
template <class D>
float narrow_probe(int64_t iterations) {
  constexpr int kRegs = D::kPanels * D::kRegs;
  // Not const, or the compiler knows that all rows are the same and multiplies one of them.
  char values[4 * D::kRows] = {}, weights[64 * D::kPanels] = {};
  typename D::Sums sums[D::kRows * kRegs];
#pragma GCC unroll 24
  for (int i = 0; i < D::kRows * kRegs; ++i) sums[i] = D::zero();
  for (int64_t n = 0; n < iterations; ++n) {
    asm volatile("" : : "r"(values), "r"(weights) : "memory");  // or it would all be done once
    typename D::Weights w[kRegs];
#pragma GCC unroll 4
    for (int v = 0; v < kRegs; ++v) w[v] = D::load(weights + v * (64 / D::kRegs));
#pragma GCC unroll 24
    for (int i = 0; i < D::kRows * kRegs; ++i)
      sums[i] = D::dot(sums[i], D::broadcast(values + i / kRegs * 4), w[i % kRegs]);
  }
#pragma GCC unroll 24
  for (int i = D::kRegs; i < D::kRows * kRegs; ++i) sums[i % D::kRegs] += sums[i];
  constexpr int kVecs = 16 / D::V::kWidth;
  typename D::V::Reg y[kVecs];
  D::to_floats(sums, y);
  for (int i = 1; i < kVecs; ++i) y[0] = D::V::add(y[0], y[i]);  // a sum without a use is not made
  return D::V::sum(y[0]);
}

}  // namespace
}  // namespace vitro::cpu
