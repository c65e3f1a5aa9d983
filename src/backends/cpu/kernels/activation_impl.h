#pragma once

#include <cstddef>

#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/math_impl.h"

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

template <class V>
struct NoActivation {
  explicit NoActivation(const Activation&) {}
  typename V::Reg operator()(typename V::Reg x) const { return x; }
};

/// Whether a function takes several registers at a time, by turns.
template <class V, class F>
inline constexpr bool kByTurns = V::kActivationBatch > 1 &&
                                 requires(const F& f, typename V::Reg (&y)[V::kActivationBatch]) {
  f.apply(y);
};

/// kRows rows of the columns of a micro-kernel.
template <class V, int kRows, class F>
[[gnu::always_inline]] inline void activate_tile(const F& f, const float* x, int64_t ldx,
                                                 float* dst, int64_t ldd) {
  constexpr int kVecs = V::kGemmPanels * 16 / V::kWidth, kRegs = kRows * kVecs;
  const auto at = [](int reg, int64_t stride) {
    return reg / kVecs * stride + reg % kVecs * V::kWidth;
  };
  if constexpr (kByTurns<V, F>) {
    typename V::Reg y[kRegs];
#pragma GCC unroll 8
    for (int r = 0; r < kRegs; ++r) y[r] = V::load(x + at(r, ldx));
    f.apply(y);
#pragma GCC unroll 8
    for (int r = 0; r < kRegs; ++r) V::store(dst + at(r, ldd), y[r]);
  } else {
#pragma GCC unroll 8
    for (int r = 0; r < kRegs; ++r) V::store(dst + at(r, ldd), f(V::load(x + at(r, ldx))));
  }
}

/// Of rows of whole micro-kernels: the loop over the vectors of one is unrolled, since constants
/// would leave their registers in it.
template <class V, class F>
[[gnu::noinline]] void activate_tiles(const Activation& activation, const ActivationRows& a) {
  constexpr int kColumns = V::kGemmPanels * 16;
  constexpr int kTogether = kByTurns<V, F> && V::kActivationBatch * V::kWidth > kColumns
                                ? V::kActivationBatch * V::kWidth / kColumns
                                : 1;
  const F f(activation);
  int64_t r = 0;
  for (; r + kTogether <= a.rows; r += kTogether)
    for (int64_t i = 0; i < a.columns; i += kColumns)
      activate_tile<V, kTogether>(f, a.x + r * a.ldx + i, a.ldx, a.dst + r * a.ldd + i, a.ldd);
  for (; r < a.rows; ++r)
    for (int64_t i = 0; i < a.columns; i += kColumns)
      activate_tile<V, 1>(f, a.x + r * a.ldx + i, a.ldx, a.dst + r * a.ldd + i, a.ldd);
}

/// As many whole batches of registers as there are; returns how many elements that was.
template <class V, class F>
int64_t activate_batches(const F& f, const float* x, const float* residual, int64_t count,
                         float* dst) {
  constexpr int kRegs = V::kActivationBatch;
  constexpr int64_t kBatch = int64_t{kRegs} * V::kWidth;
  int64_t i = 0;
  for (; i + kBatch <= count; i += kBatch) {
    typename V::Reg y[kRegs];
#pragma GCC unroll 8
    for (int r = 0; r < kRegs; ++r) {
      const int64_t at = i + r * V::kWidth;
      y[r] = residual ? V::add(V::load(x + at), V::load(residual + at)) : V::load(x + at);
    }
    f.apply(y);
#pragma GCC unroll 8
    for (int r = 0; r < kRegs; ++r) V::store(dst + i + r * V::kWidth, y[r]);
  }
  return i;
}

template <class V, class F>
[[gnu::noinline]] void activate_with(const Activation& activation, const ActivationRows& a) {
  const F f(activation);
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.ldx;
    const float* residual = a.residual ? a.residual + r * a.ldr : nullptr;
    float* dst = a.dst + r * a.ldd;
    int64_t i = 0;
    if constexpr (kByTurns<V, F>) i = activate_batches<V>(f, x, residual, a.columns, dst);
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
    case Kind::Erf:
      return body.template operator()<Erf<V>>();
    case Kind::Sin:
      return body.template operator()<Sine<V, false>>();
    case Kind::Cos:
      return body.template operator()<Sine<V, true>>();
  }
}

template <class V>
void activate(const Activation& activation, const ActivationRows& rows) {
  const bool tiles = !rows.residual && rows.columns % (V::kGemmPanels * 16) == 0;
  with_activation<V>(activation.kind, [&]<class F>() {
    // A single row has registers enough for functions that take several at a time.
    const bool is_row = kByTurns<V, F> && rows.rows == 1;
    tiles && !is_row ? activate_tiles<V, F>(activation, rows)
                     : activate_with<V, F>(activation, rows);
  });
}

}  // namespace
}  // namespace vitro::cpu
