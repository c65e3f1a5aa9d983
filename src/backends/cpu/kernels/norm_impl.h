#pragma once

#include <cmath>
#include <cstdint>

namespace vitro::cpu {
namespace {

/// Sum over i of f(load(x, i)), where f maps a register to a register; lanes past `count` add
/// nothing.
template <class V, class F>
float reduce_row(const float* x, int64_t count, F f) {
  using Reg = typename V::Reg;
  constexpr int kChains =
      4;  // additions in flight: one chain would wait for each addition's latency
  Reg sum[kChains] = {V::zero(), V::zero(), V::zero(), V::zero()};
  int64_t i = 0;
  for (; i + kChains * V::kWidth <= count; i += kChains * V::kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j) sum[j] = f(V::load(x + i + j * V::kWidth), sum[j]);
  }
  for (; i + V::kWidth <= count; i += V::kWidth) sum[0] = f(V::load(x + i), sum[0]);
  if (i < count) {
    const auto mask = V::tail(static_cast<int>(count - i));
    const Reg last = f(V::load_tail(x + i, mask), V::zero());
    sum[1] = V::add(sum[1], V::select(mask, last, V::zero()));
  }
  return V::sum(V::add(V::add(sum[0], sum[1]), V::add(sum[2], sum[3])));
}

/// dst = (x - mean) / sqrt(var + eps) * gamma + beta over one row; gamma and beta may be null, dst
/// may be x. The variance is of the centred row: E[x^2] - mean^2 would cancel.
template <class V>
void normalise_row(const float* x, int64_t count, float eps, const float* gamma, const float* beta,
                   float* dst) {
  using Reg = typename V::Reg;
  const float mean = reduce_row<V>(x, count, [](Reg v, Reg sum) { return V::add(sum, v); }) /
                     static_cast<float>(count);
  const Reg centre = V::set1(mean);
  const float squares = reduce_row<V>(x, count, [centre](Reg v, Reg sum) {
    const Reg d = V::sub(v, centre);
    return V::fma(d, d, sum);
  });
  const Reg scale = V::set1(1.0f / std::sqrt(squares / static_cast<float>(count) + eps));
  for (int64_t i = 0; i < count; i += V::kWidth) {
    const int left = static_cast<int>(count - i < V::kWidth ? count - i : V::kWidth);
    if (left == V::kWidth) {
      Reg y = V::mul(V::sub(V::load(x + i), centre), scale);
      if (gamma) y = V::mul(y, V::load(gamma + i));
      if (beta) y = V::add(y, V::load(beta + i));
      V::store(dst + i, y);
    } else {
      const auto mask = V::tail(left);
      Reg y = V::mul(V::sub(V::load_tail(x + i, mask), centre), scale);
      if (gamma) y = V::mul(y, V::load_tail(gamma + i, mask));
      if (beta) y = V::add(y, V::load_tail(beta + i, mask));
      V::store_tail(dst + i, y, mask);
    }
  }
}

}  // namespace
}  // namespace vitro::cpu
