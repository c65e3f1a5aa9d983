#pragma once

#include <cstdint>

namespace vitro::cpu {
namespace {

/// GELU by the error function, x * Phi(x) = max(x, 0) - d(|x|) with d(a) = a * erfc(a / sqrt 2)
/// / 2. d vanishes for large a, which is therefore clamped. Within 2.5e-7 * max(1, |x|); NaN stays
/// NaN, -inf gives 0 to that accuracy. No division, no exponential. An object, so that a loop keeps
/// its constants in registers.
template <class V, bool kLookup = V::kHasLookup>
struct Gelu;

/// d(a) = a * (1/2 - a * q(a^2)), q(t) = erf(sqrt(t / 2)) / (2 sqrt t) a minimax polynomial in
/// t / 12.5 - 1: centred, because around 0 its terms would cancel. d(5) = 1.4e-6 is one rounding of
/// x.
template <class V>
struct Gelu<V, false> {
  using Reg = typename V::Reg;

  Reg operator()(Reg x) const {
    Reg alone[1] = {x};
    apply(alone);
    return alone[0];
  }

  /// Of n registers by turns: one polynomial is a chain that waits for each of its multiply-adds.
  template <int n>
  [[gnu::always_inline]] void apply(Reg (&x)[n]) const {
    constexpr float kQ[] = {0.14136378f,   -0.07029636f,   0.051520675f,  -0.040440463f,
                            0.031439204f,  -0.023284115f,  0.016421126f,  -0.01111993f,
                            0.006359388f,  -0.0027402742f, 0.0017834789f, -0.0015891679f,
                            0.00058262266f};
    Reg s[n], q[n];
#pragma GCC unroll 8
    for (int r = 0; r < n; ++r) {
      const Reg a = bounded(x[r]);
      s[r] = V::fma(V::mul(a, a), V::set1(2.0f / 25.0f), V::set1(-1.0f));
      q[r] = V::set1(kQ[12]);
    }
#pragma GCC unroll 12
    for (int i = 11; i >= 0; --i) {
#pragma GCC unroll 8
      for (int r = 0; r < n; ++r) q[r] = V::fma(q[r], s[r], V::set1(kQ[i]));
    }
#pragma GCC unroll 8
    for (int r = 0; r < n; ++r) {
      const Reg a = bounded(x[r]);
      x[r] = V::fnma(a, V::fnma(a, q[r], V::set1(0.5f)), V::max(V::zero(), x[r]));
    }
  }

 private:
  static Reg bounded(Reg x) { return V::min(V::set1(5.0f), V::abs(x)); }
};

/// d in sixteen pieces of degree 5 around multiples of 1 / kScale. The coefficients of all pieces
/// fit in six registers, and fetching them by a permutation does not use the multiply-add pipes,
/// which are what the polynomial alone is bound by.
template <class V>
struct Gelu<V, true> {
  using Reg = typename V::Reg;
  static constexpr float kScale = 2.8181818f;
  static constexpr float kLimit = 5.4995f;  // piece 15 ends here; d = 1.0e-7
  static constexpr float kRound =
      12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the low bits

  Reg coefficient[6];

  Gelu() {
    alignas(64) static constexpr float kTable[6][16] = {
        {0.0f, 0.128222808f, 0.16957891f, 0.152808607f, 0.110564612f, 0.0674469769f, 0.0353968516f,
         0.0161405485f, 0.00642915675f, 0.00224403827f, 0.000687673979f, 0.000185245372f,
         4.39016731e-05f, 9.15857254e-06f, 1.68251484e-06f, 2.72268579e-07f},
        {0.17741935f, 0.0810566172f, 0.00669188006f, -0.0345750451f, -0.0457382463f, -0.0385598056f,
         -0.0253500175f, -0.0137767671f, -0.00634510769f, -0.00250859512f, -0.000857763458f,
         -0.000254859217f, -6.60093574e-05f, -1.4936586e-05f, -2.95763698e-06f, -5.13119005e-07f},
        {-0.0502306037f, -0.0441964157f, -0.0292155948f, -0.0123540545f, 0.000133230511f,
         0.00597389136f, 0.00659575919f, 0.00479000062f, 0.0027069035f, 0.00125622482f,
         0.000490641105f, 0.000163443125f, 4.68185535e-05f, 1.15945322e-05f, 2.49172922e-06f,
         4.65957072e-07f},
        {-3.92415222e-06f, 0.00383437728f, 0.00572997378f, 0.00514432834f, 0.00305737788f,
         0.000930945738f, -0.000349343085f, -0.000732237881f, -0.000608831353f, -0.000358769816f,
         -0.000167043137f, -6.40584476e-05f, -2.06580517e-05f, -5.67050529e-06f, -1.3351829e-06f,
         -2.71115425e-07f},
        {0.00106992619f, 0.000771027815f, 0.000150363921f, -0.000391165464f, -0.000577412429f,
         -0.000442471239f, -0.000197231537f, -1.50028009e-05f, 5.78257532e-05f, 5.86194328e-05f,
         3.62257379e-05f, 1.68944498e-05f, 6.34591879e-06f, 1.97756549e-06f, 5.19713751e-07f,
         1.16363665e-07f},
        {-2.90240769e-05f, -0.000102647209f, -0.000130138054f, -7.67552992e-05f, 5.45768614e-07f,
         4.56218368e-05f, 4.64489422e-05f, 2.51153851e-05f, 5.52711663e-06f, -3.48570097e-06f,
         -4.62532762e-06f, -2.96536155e-06f, -1.36521805e-06f, -4.9535663e-07f, -1.4723777e-07f,
         -3.65918886e-08f}};
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) coefficient[i] = V::load(kTable[i]);
  }

  Reg operator()(Reg x) const {
    const Reg a = V::min(V::set1(kLimit), V::abs(x));
    const Reg piece = V::fma(a, V::set1(kScale), V::set1(kRound));
    const Reg r = V::fms(a, V::set1(kScale), V::sub(piece, V::set1(kRound)));  // [-1/2, 1/2]
    Reg p = V::lookup(coefficient[5], piece);
#pragma GCC unroll 4
    for (int i = 4; i >= 1; --i) p = V::fma(p, r, V::lookup(coefficient[i], piece));
    return V::fnma(p, r, V::sub(V::max(V::zero(), x), V::lookup(coefficient[0], piece)));
  }
};

/// 2^x as 2^n, n integral, and what is left of x, which is split exactly, so that nothing is lost
/// however small the result: p within 1.5e-7 of itself; NaN for NaN.
template <class V>
struct Exp2Parts {
  typename V::Reg p, n;  ///< 2^x = p * 2^n, p in [0.7, 1.42]
  explicit Exp2Parts(typename V::Reg x) {
    n = V::round(x);
    const auto r = V::sub(x, n);  // [-1/2, 1/2]
    constexpr float kP[] = {1.0f,           0.693147182f,   0.240226477f,  0.0555033237f,
                            0.00961843692f, 0.00133988739f, 0.00015353362f};
    p = V::set1(kP[6]);
#pragma GCC unroll 6
    for (int i = 5; i >= 0; --i) p = V::fma(p, r, V::set1(kP[i]));
  }
};

/// 2^x for x <= 0 (and a little above); 0 below -150.
template <class V>
typename V::Reg exp2_vec(typename V::Reg x) {
  const Exp2Parts<V> parts(V::max(V::set1(-150.0f), x));
  return V::scale_pow2(parts.p, parts.n);
}

}  // namespace
}  // namespace vitro::cpu
