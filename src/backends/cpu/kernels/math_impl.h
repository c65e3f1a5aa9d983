#pragma once

#include <cstdint>

namespace vitro::cpu {
namespace {

/// GELU by the error function: x * Phi(x), within 2.5e-7 * max(1, |x|) of it; NaN stays NaN, -inf gives 0
/// to that accuracy.
///
/// gelu(x) = max(x, 0) - d(|x|) with d(a) = a * (1/2 - a * q(a^2)), q(t) = erf(sqrt(t / 2)) / (2 sqrt(t)).
/// d vanishes past 5 (1.4e-6, as much relative to x as one rounding), so |x| is clamped there, and q is a
/// minimax polynomial in t / 12.5 - 1: centred, because around 0 its terms would cancel. No division, no
/// exponential.
template <class V>
typename V::Reg gelu_vec(typename V::Reg x) {
  using Reg = typename V::Reg;
  constexpr float kQ[] = {0.14136378f,    -0.07029636f,   0.051520675f,  -0.040440463f, 0.031439204f,
                          -0.023284115f,  0.016421126f,   -0.01111993f,  0.006359388f,  -0.0027402742f,
                          0.0017834789f,  -0.0015891679f, 0.00058262266f};
  const Reg a = V::min(V::set1(5.0f), V::abs(x));
  const Reg s = V::fma(V::mul(a, a), V::set1(2.0f / 25.0f), V::set1(-1.0f));
  Reg q = V::set1(kQ[12]);
#pragma GCC unroll 12
  for (int i = 11; i >= 0; --i) q = V::fma(q, s, V::set1(kQ[i]));
  return V::fnma(a, V::fnma(a, q, V::set1(0.5f)), V::max(V::zero(), x));
}

/// e^x within 1.5 ulp over the whole range: denormal results, 0 at -inf, inf past 88.7, NaN for NaN.
template <class V>
typename V::Reg exp_vec(typename V::Reg x) {
  using Reg = typename V::Reg;
  // Outside, the result is 0 or infinity anyway; inside, n fits the exponent arithmetic.
  x = V::min(V::set1(89.0f), V::max(V::set1(-104.0f), x));
  const Reg n = V::round(V::mul(x, V::set1(1.44269504088896341f)));
  // ln 2 in two parts: the first has few bits, so n times it is exact.
  Reg r = V::fnma(n, V::set1(0.693359375f), x);
  r = V::fnma(n, V::set1(-2.12194440e-4f), r);
  Reg p = V::set1(0.0013950492f);
  p = V::fma(p, r, V::set1(0.00836889f));
  p = V::fma(p, r, V::set1(0.041666206f));
  p = V::fma(p, r, V::set1(0.16666518f));
  p = V::fma(p, r, V::set1(0.5f));
  p = V::fma(V::mul(r, r), p, V::add(r, V::set1(1.0f)));
  return V::scale_pow2(p, n);
}

}  // namespace
}  // namespace vitro::cpu
