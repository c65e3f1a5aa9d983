#pragma once

#include <cstdint>

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

}  // namespace
}  // namespace vitro::cpu
