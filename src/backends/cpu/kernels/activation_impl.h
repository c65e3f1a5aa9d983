#pragma once

#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/math_impl.h"

namespace vitro::cpu {
namespace {

/// 1 / (1 + e^-x). The exponent is bounded so that the quotient stays a normal number.
template <class V>
typename V::Reg sigmoid_vec(typename V::Reg x) {
  const auto exponent = V::min(V::set1(126.0f), V::mul(x, V::set1(-1.44269504088896341f)));
  const auto one = V::set1(1.0f);
  return V::div(one, V::add(one, exp2_vec<V>(exponent)));
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
    Reg p = V::set1(kP[4]);
#pragma GCC unroll 4
    for (int i = 3; i >= 0; --i) p = V::fma(p, z, V::set1(kP[i]));
    const Reg near = V::fma(V::mul(z, p), x, x);
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

template <class V>
struct NoActivation {
  explicit NoActivation(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return x; }
};

template <class V, class F>
[[gnu::noinline]] void activate_with(const Activation& activation, const ActivationRows& a) {
  const F f(activation);
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.ldx;
    const float* residual = a.residual ? a.residual + r * a.ldr : nullptr;
    float* dst = a.dst + r * a.ldd;
    int64_t i = 0;
    if (residual) {
      for (; i + V::kWidth <= a.columns; i += V::kWidth)
        V::store(dst + i, f(V::add(V::load(x + i), V::load(residual + i))));
    } else {
      for (; i + V::kWidth <= a.columns; i += V::kWidth) V::store(dst + i, f(V::load(x + i)));
    }
    if (i == a.columns) continue;
    const auto mask = V::tail(static_cast<int>(a.columns - i));
    auto value = V::load_tail(x + i, mask);
    if (residual) value = V::add(value, V::load_tail(residual + i, mask));
    V::store_tail(dst + i, f(value), mask);
  }
}

/// Calls body with the type of the function's object.
template <class V, class Body>
void with_activation(Activation::Kind kind, Body body) {
  using Kind = Activation::Kind;
  switch (kind) {
    case Kind::None:
      return body.template operator()<NoActivation<V>>();
    case Kind::Clamp:
      return body.template operator()<Clamp<V>>();
    case Kind::Sigmoid:
      return body.template operator()<Sigmoid<V>>();
    case Kind::Silu:
      return body.template operator()<Silu<V>>();
    case Kind::Tanh:
      return body.template operator()<Tanh<V>>();
    case Kind::HardSigmoid:
      return body.template operator()<HardSigmoid<V>>();
    case Kind::HardSwish:
      return body.template operator()<HardSwish<V>>();
    case Kind::Gelu:
      return body.template operator()<ErfGelu<V>>();
    case Kind::GeluTanh:
      return body.template operator()<GeluTanh<V>>();
  }
}

template <class V>
void activate(const Activation& activation, const ActivationRows& rows) {
  with_activation<V>(activation.kind, [&]<class F>() { activate_with<V, F>(activation, rows); });
}

}  // namespace
}  // namespace vitro::cpu
