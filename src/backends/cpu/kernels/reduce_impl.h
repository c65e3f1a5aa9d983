#pragma once

#include "backends/cpu/kernels/norm_impl.h"
#include "backends/cpu/kernels/reduce.h"
#include "backends/cpu/kernels/rows_impl.h"

namespace vitro::cpu {
namespace {

/// A reduction in registers: what it starts with, how it takes an element, and what it makes of
/// them all.
template <class V, ReduceKind kKind>
struct Reduction {
  using Reg = typename V::Reg;
  static constexpr bool kIsSum =
      kKind != ReduceKind::Max && kKind != ReduceKind::Min && kKind != ReduceKind::Prod;
  /// The element that changes nothing.
  static Reg start() {
    if constexpr (kKind == ReduceKind::Max) return V::set1(-__builtin_inff());
    if constexpr (kKind == ReduceKind::Min) return V::set1(__builtin_inff());
    if constexpr (kKind == ReduceKind::Prod) return V::set1(1.0f);
    return V::zero();
  }
  static Reg step(Reg x, Reg so_far) {
    if constexpr (kKind == ReduceKind::L1) return V::add(so_far, V::abs(x));
    if constexpr (kKind == ReduceKind::L2 || kKind == ReduceKind::SumSquare)
      return V::fma(x, x, so_far);
    return join(x, so_far);
  }
  /// Of two parts.
  static Reg join(Reg a, Reg so_far) {
    if constexpr (kKind == ReduceKind::Max) return V::keep_nan(so_far, V::max(so_far, a));
    if constexpr (kKind == ReduceKind::Min) return V::keep_nan(so_far, V::min(so_far, a));
    if constexpr (kKind == ReduceKind::Prod) return V::mul(so_far, a);
    return V::add(so_far, a);
  }
  static Reg finish(Reg all, int64_t count) {
    if constexpr (kKind == ReduceKind::Mean)
      return V::mul(all, V::set1(1.0f / static_cast<float>(count)));
    if constexpr (kKind == ReduceKind::L2) return V::sqrt(all);
    return all;
  }
};

template <class V, ReduceKind kKind>
void reduce_tokens(const float* x, int64_t tokens, int64_t channels, int64_t begin, int64_t end,
                   float* dst) {
  using R = Reduction<V, kKind>;
  using Reg = typename V::Reg;
  constexpr int kAcross = 4;  // chains in flight, on lines that lie together
  int64_t first = begin;
  for (; first + kAcross * V::kWidth <= end; first += kAcross * V::kWidth) {
    Reg all[kAcross] = {R::start(), R::start(), R::start(), R::start()};
    for (int64_t t = 0; t < tokens; ++t) {
      const float* src = x + t * channels + first;
#pragma GCC unroll 4
      for (int j = 0; j < kAcross; ++j) all[j] = R::step(V::load(src + j * V::kWidth), all[j]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < kAcross; ++j)
      V::store(dst + first + j * V::kWidth, R::finish(all[j], tokens));
  }
  for_each_vector<V>(first, end, [&](int64_t i, auto load, auto store) {
    auto all = R::start();
    for (int64_t t = 0; t < tokens; ++t) all = R::step(load(x + t * channels + i), all);
    store(dst + i, R::finish(all, tokens));
  });
}

/// Of the lanes of a register, in all lanes of the result.
template <class V, ReduceKind kKind>
typename V::Reg reduce_lanes(typename V::Reg parts) {
  if constexpr (Reduction<V, kKind>::kIsSum) return V::set1(V::sum(parts));
  float lanes[V::kWidth];
  V::store(lanes, parts);
  auto all = V::set1(lanes[0]);
  for (int i = 1; i < V::kWidth; ++i) all = Reduction<V, kKind>::join(V::set1(lanes[i]), all);
  return all;
}

template <class V, ReduceKind kKind>
void reduce_rows(const float* x, int64_t columns, int64_t begin, int64_t end, float* dst) {
  using R = Reduction<V, kKind>;
  using Reg = typename V::Reg;
  constexpr int kChains = 4;  // in flight, as in reduce_row()
  const auto first_lane = V::tail(1);
  for (int64_t row = begin; row < end; ++row) {
    const float* src = x + row * columns;
    Reg part[kChains] = {R::start(), R::start(), R::start(), R::start()};
    int64_t i = 0;
    for (; i + kChains * V::kWidth <= columns; i += kChains * V::kWidth) {
#pragma GCC unroll 4
      for (int j = 0; j < kChains; ++j)
        part[j] = R::step(V::load(src + i + j * V::kWidth), part[j]);
    }
    for (; i + V::kWidth <= columns; i += V::kWidth) part[0] = R::step(V::load(src + i), part[0]);
    if (i < columns) {
      const auto mask = V::tail(static_cast<int>(columns - i));
      part[1] = R::step(V::select(mask, V::load_tail(src + i, mask), R::start()), part[1]);
    }
    const Reg parts = R::join(R::join(part[0], part[1]), R::join(part[2], part[3]));
    V::store_tail(dst + row, R::finish(reduce_lanes<V, kKind>(parts), columns), first_lane);
  }
}

template <class V>
void cum_sum_tokens(const CumSumArgs& a, int64_t begin, int64_t end) {
  for_each_vector<V>(begin, end, [&](int64_t i, auto load, auto store) {
    auto sum = V::zero();
    for (int64_t t = 0; t < a.tokens; ++t) {
      const int64_t at = (a.reverse ? a.tokens - 1 - t : t) * a.channels + i;
      const auto with = V::add(sum, load(a.x + at));
      store(a.dst + at, a.exclusive ? sum : with);
      sum = with;
    }
  });
}

}  // namespace
}  // namespace vitro::cpu
