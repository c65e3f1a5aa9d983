#pragma once

#include <cstddef>

#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/math_impl.h"

// The functions of Activation, as objects that hold their parameters.
namespace vitro::cpu {
namespace {

/// p[0] + p[1] * x + p[2] * x^2 + ...
template <class V, size_t kTerms>
typename V::Reg polynomial(const float (&p)[kTerms], typename V::Reg x) {
  auto y = V::set1(p[kTerms - 1]);
#pragma GCC unroll 8
  for (size_t i = kTerms - 1; i > 0; --i) y = V::fma(y, x, V::set1(p[i - 1]));
  return y;
}

/// 1 / (1 + e^-x). The exponent is bounded so that the power and the quotient stay normal numbers;
/// what is below the bound is lost in the sum anyway.
template <class V>
typename V::Reg sigmoid_vec(typename V::Reg x) {
  const auto exponent = V::min(V::set1(126.0f), V::mul(x, V::set1(-1.44269504088896341f)));
  const Exp2Parts<V> parts(V::max(V::set1(-125.0f), exponent));
  const auto one = V::set1(1.0f);
  return V::div(one, V::add(one, V::scale_near_one(parts.p, parts.n)));
}

template <class V>
struct Clamp {
  typename V::Reg low, high;
  explicit Clamp(const Activation& a) : low(V::set1(a.alpha)), high(V::set1(a.beta)) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::min(high, V::max(low, x)); }
};

template <class V>
struct Sigmoid {
  explicit Sigmoid(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return sigmoid_vec<V>(x); }
};

template <class V>
struct Silu {
  explicit Silu(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::mul(x, sigmoid_vec<V>(x)); }
};

/// Around 0 an odd polynomial (Cephes), where 1 - 2 / (e^2x + 1) would cancel.
template <class V>
struct Tanh {
  using Reg = typename V::Reg;
  explicit Tanh(const Activation&) {}
  Reg operator()(Reg x) const {
    constexpr float kP[] = {-0.333332819422f, 0.133314422036f, -0.0537397155531f, 0.0206390887954f,
                            -0.00570498872745f};
    const Reg a = V::abs(x), z = V::mul(x, x);
    const Reg near = V::fma(V::mul(z, polynomial<V>(kP, z)), x, x);
    const Reg twice = V::set1(2.0f);
    const Reg far = V::fnma(twice, sigmoid_vec<V>(V::mul(a, V::set1(-2.0f))), V::set1(1.0f));
    const Reg signed_far = V::select_negative(x, V::sub(V::zero(), far), far);
    return V::select_negative(V::sub(a, V::set1(0.625f)), near, signed_far);
  }
};

template <class V>
struct HardSigmoid {
  typename V::Reg alpha, beta;
  explicit HardSigmoid(const Activation& a) : alpha(V::set1(a.alpha)), beta(V::set1(a.beta)) {}
  typename V::Reg operator()(typename V::Reg x) const {
    return V::min(V::set1(1.0f), V::max(V::zero(), V::fma(alpha, x, beta)));
  }
};

template <class V>
struct HardSwish {
  explicit HardSwish(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const {
    // x + 3 is exact around -3, where the result is small.
    const auto gate = V::min(V::set1(6.0f), V::max(V::zero(), V::add(x, V::set1(3.0f))));
    return V::mul(x, V::mul(gate, V::set1(1.0f / 6.0f)));
  }
};

template <class V>
struct ErfGelu : Gelu<V> {
  explicit ErfGelu(const Activation&) {}
};

/// x / 2 * (1 + tanh(u)) is x * sigmoid(2 u).
template <class V>
struct GeluTanh {
  explicit GeluTanh(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const {
    const auto u = V::fma(V::mul(x, x), V::set1(0.0713548162f), V::set1(1.59576912f));
    return V::mul(x, sigmoid_vec<V>(V::mul(x, u)));
  }
};

/// The error function, within 1e-7: x + x * P(x^2) near 0, else 1 - e^(a * Q(a) - a) with the sign
/// of x, a = |x|; both minimax polynomials.
template <class V>
struct Erf {
  using Reg = typename V::Reg;
  explicit Erf(const Activation&) {}
  Reg operator()(Reg x) const {
    constexpr float kNear = 0.92f;
    constexpr float kP[] = {0.128379152f,   -0.376125082f, 0.112819549f,
                            -0.0267712833f, 0.004999601f,  -6.02180383e-4f};
    constexpr float kQ[] = {-0.128652163f,  -0.63513591f,   -0.10626315f,   0.023785351f,
                            -3.6537662e-3f, 3.25653286e-4f, -1.15223542e-5f};
    const Reg a = V::abs(x);
    const Reg near = V::fma(polynomial<V>(kP, V::mul(x, x)), x, x);
    const Reg exponent = V::fma(polynomial<V>(kQ, a), a, V::sub(V::zero(), a));
    const Reg far =
        V::sub(V::set1(1.0f), exp2_vec<V>(V::mul(exponent, V::set1(1.44269504088896341f))));
    const Reg signed_far = V::select_negative(x, V::sub(V::zero(), far), far);
    return V::select_negative(V::sub(a, V::set1(kNear)), near, signed_far);
  }
};

/// sin(x), or cos(x) = sin(x + pi / 2), within 1.5e-7: the sine of what is left of x after the
/// nearest multiple of pi. pi is in four parts, whose products with the multiple are exact up to
/// kLimit; beyond it the function of the C library is called.
template <class V, bool kCosine>
struct Sine {
  using Reg = typename V::Reg;
  static constexpr float kLimit = 8192.0f;
  explicit Sine(const Activation&) {}
  Reg operator()(Reg x) const {
    constexpr float kPi[] = {3.140625f, 9.67025756835938e-4f, 6.27711415290833e-7f,
                             1.21542012565534e-10f};
    constexpr float kP[] = {-0.166666597f, 8.33307858e-3f, -1.98106907e-4f, 2.60831598e-6f};
    const Reg shift = V::set1(kCosine ? 0.5f : 0.0f);
    const Reg half_turns = V::round(V::fma(x, V::set1(0.318309886f), shift));
    const Reg multiple = V::sub(half_turns, shift);
    Reg r = x;
#pragma GCC unroll 4
    for (const float part : kPi) r = V::fnma(multiple, V::set1(part), r);
    const Reg square = V::mul(r, r);
    const Reg y = V::fma(square, V::mul(polynomial<V>(kP, square), r), r);
    // -1 or 1 for an odd number of half turns.
    const Reg odd = V::fnma(V::set1(2.0f), V::round(V::mul(half_turns, V::set1(0.5f))), half_turns);
    const Reg near = V::select_negative(V::sub(V::zero(), V::abs(odd)), V::sub(V::zero(), y), y);
    return V::highest(V::abs(x)) <= kLimit ? near : with_far_lanes(x, near);
  }

 private:
  [[gnu::noinline]] static Reg with_far_lanes(Reg x, Reg near) {
    float lanes[V::kWidth], results[V::kWidth];
    V::store(lanes, x);
    V::store(results, near);
    for (int i = 0; i < V::kWidth; ++i)
      if (!(__builtin_fabsf(lanes[i]) <= kLimit))
        results[i] = kCosine ? __builtin_cosf(lanes[i]) : __builtin_sinf(lanes[i]);
    return V::load(results);
  }
};

/// e^x within 2e-7 of itself: the exponent is an integral multiple of log 2, taken away in two
/// parts, and what is left.
template <class V>
typename V::Reg exp_vec(typename V::Reg x) {
  constexpr float kLog2e = 1.44269504088896341f, kLn2High = 0.693359375f,
                  kLn2Low = -2.12194440054690583e-4f;
  const auto bounded = V::min(V::set1(90.0f), V::max(V::set1(-105.0f), x));
  const auto n = V::round(V::mul(bounded, V::set1(kLog2e)));
  const auto rest = V::fnma(n, V::set1(kLn2Low), V::fnma(n, V::set1(kLn2High), bounded));
  const Exp2Parts<V> parts(V::mul(rest, V::set1(kLog2e)));
  return V::scale_pow2(parts.p, V::add(n, parts.n));
}

template <class V>
struct Exp {
  explicit Exp(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return exp_vec<V>(x); }
};

template <class V>
struct Sqrt {
  explicit Sqrt(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::sqrt(x); }
};

template <class V>
struct Rsqrt {
  explicit Rsqrt(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::div(V::set1(1.0f), V::sqrt(x)); }
};

template <class V>
struct Reciprocal {
  explicit Reciprocal(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::div(V::set1(1.0f), x); }
};

template <class V>
struct Neg {
  explicit Neg(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::mul(V::set1(-1.0f), x); }
};

template <class V>
struct Abs {
  explicit Abs(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return V::abs(x); }
};

/// The nearest integral number, the even one of two, of any x: V::round() is for small ones.
template <class V>
typename V::Reg nearest(typename V::Reg x) {
  const auto limit = V::set1(8388608.0f), a = V::abs(x);  // 2^23: from here on all are integral
  const auto near = V::sub(V::add(a, limit), limit);
  const auto with_sign = V::select_negative(x, V::mul(V::set1(-1.0f), near), near);
  return V::select_negative(V::sub(a, limit), with_sign, x);
}

template <class V>
struct RoundHalfEven {
  explicit RoundHalfEven(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return nearest<V>(x); }
};

template <class V>
struct Floor {
  explicit Floor(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const {
    const auto near = nearest<V>(x);
    return V::select_negative(V::sub(x, near), V::sub(near, V::set1(1.0f)), near);
  }
};

template <class V>
struct Ceil {
  explicit Ceil(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const {
    const auto near = nearest<V>(x);
    return V::select_negative(V::sub(near, x), V::add(near, V::set1(1.0f)), near);
  }
};

template <class V>
struct LeakyRelu {
  typename V::Reg alpha;
  explicit LeakyRelu(const Activation& a) : alpha(V::set1(a.alpha)) {}
  typename V::Reg operator()(typename V::Reg x) const {
    return V::select_negative(x, V::mul(alpha, x), x);
  }
};

/// Near 0 by the series of e^x - 1, whose ones would cancel.
template <class V>
struct Elu {
  using Reg = typename V::Reg;
  Reg alpha, beta;
  explicit Elu(const Activation& a) : alpha(V::set1(a.alpha)), beta(V::set1(a.beta)) {}
  Reg operator()(Reg x) const {
    constexpr float kP[] = {1.0f, 0.5f, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
    const Reg scaled = V::mul(beta, x);
    const Reg near = V::mul(polynomial<V>(kP, scaled), scaled);
    const Reg far = V::sub(exp_vec<V>(scaled), V::set1(1.0f));
    const Reg below = V::select_negative(V::add(scaled, V::set1(0.5f)), far, near);
    return V::select_negative(x, V::mul(alpha, below), x);
  }
};

/// tanh(log(1 + e)) is n / (n + 2) with n = e (e + 2); from 20 on it is 1.
template <class V>
struct Mish {
  explicit Mish(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const {
    const auto two = V::set1(2.0f), e = exp_vec<V>(V::min(V::set1(20.0f), x));
    const auto n = V::mul(e, V::add(e, two));
    return V::mul(x, V::div(n, V::add(n, two)));
  }
};

template <class V>
struct NoActivation {
  explicit NoActivation(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return x; }
};

}  // namespace
}  // namespace vitro::cpu
