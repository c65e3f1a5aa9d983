#pragma once

#include "backends/cpu/kernels/moments.h"
#include "backends/cpu/kernels/rows_impl.h"

namespace vitro::cpu {
namespace {

/// Of some tokens, in n registers side by side, joined with those of the `before` tokens before
/// them. The squares are about the mean of these tokens, which is why they are read twice.
template <class V, int n, class Load, class Store>
void add_moments(const float* x, int64_t tokens, int64_t channels, int64_t before, float* means,
                 float* squares, Load load, Store store) {
  using Reg = typename V::Reg;
  Reg mean[n], square[n];
#pragma GCC unroll 4
  for (int j = 0; j < n; ++j) mean[j] = square[j] = V::zero();
  for (int64_t t = 0; t < tokens; ++t)
#pragma GCC unroll 4
    for (int j = 0; j < n; ++j) mean[j] = V::add(mean[j], load(x + t * channels + j * V::kWidth));
  const Reg share = V::set1(1.0f / static_cast<float>(tokens));
#pragma GCC unroll 4
  for (int j = 0; j < n; ++j) mean[j] = V::mul(mean[j], share);
  for (int64_t t = 0; t < tokens; ++t)
#pragma GCC unroll 4
    for (int j = 0; j < n; ++j) {
      const Reg d = V::sub(load(x + t * channels + j * V::kWidth), mean[j]);
      square[j] = V::fma(d, d, square[j]);
    }
  const float weight = static_cast<float>(tokens) / static_cast<float>(before + tokens);
  const Reg of_mean = V::set1(weight), of_square = V::set1(weight * static_cast<float>(before));
#pragma GCC unroll 4
  for (int j = 0; j < n; ++j) {
    if (before > 0) {
      const Reg old = load(means + j * V::kWidth), d = V::sub(mean[j], old);
      mean[j] = V::fma(d, of_mean, old);
      square[j] = V::add(square[j], load(squares + j * V::kWidth));
      square[j] = V::fma(V::mul(d, d), of_square, square[j]);
    }
    store(means + j * V::kWidth, mean[j]);
    store(squares + j * V::kWidth, square[j]);
  }
}

template <class V>
void moment_tokens(const float* x, int64_t tokens, int64_t channels, int64_t begin, int64_t end,
                   float* means, float* squares) {
  // As many as stay in the first cache until they are read again.
  constexpr int64_t kBlock = 64;
  constexpr int kAcross = 4;
  for (int64_t t = 0; t < tokens; t += kBlock) {
    const int64_t count = tokens - t < kBlock ? tokens - t : kBlock;
    const float* block = x + t * channels;
    int64_t first = begin;
    for (; first + kAcross * V::kWidth <= end; first += kAcross * V::kWidth)
      add_moments<V, kAcross>(
          block + first, count, channels, t, means + first, squares + first,
          [](const float* p) { return V::load(p); },
          [](float* p, typename V::Reg v) { V::store(p, v); });
    for_each_vector<V>(first, end, [&](int64_t i, auto load, auto store) {
      add_moments<V, 1>(block + i, count, channels, t, means + i, squares + i, load, store);
    });
  }
}

}  // namespace
}  // namespace vitro::cpu
