#pragma once

#include "backends/cpu/kernels/activation_functions.h"

namespace vitro::cpu {
namespace {

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
    case Kind::Exp:
      return body.template operator()<Exp<V>>();
    case Kind::Sqrt:
      return body.template operator()<Sqrt<V>>();
    case Kind::Rsqrt:
      return body.template operator()<Rsqrt<V>>();
    case Kind::Reciprocal:
      return body.template operator()<Reciprocal<V>>();
    case Kind::Neg:
      return body.template operator()<Neg<V>>();
    case Kind::Abs:
      return body.template operator()<Abs<V>>();
    case Kind::Floor:
      return body.template operator()<Floor<V>>();
    case Kind::Ceil:
      return body.template operator()<Ceil<V>>();
    case Kind::Round:
      return body.template operator()<RoundHalfEven<V>>();
    case Kind::LeakyRelu:
      return body.template operator()<LeakyRelu<V>>();
    case Kind::Elu:
      return body.template operator()<Elu<V>>();
    case Kind::Mish:
      return body.template operator()<Mish<V>>();
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
