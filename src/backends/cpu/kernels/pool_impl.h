#pragma once

#include "backends/cpu/kernels/pool.h"
#include "backends/cpu/kernels/rows_impl.h"

namespace vitro::cpu {
namespace {

/// The taps [begin, end) that meet the input at one position of the result, and how many count when
/// the padding does: a window may reach beyond it.
struct PoolTaps {
  int64_t first, begin, end, padded;

  PoolTaps(const PoolAxis& a, int64_t position) : first(position * a.stride - a.pad_begin) {
    begin = first < 0 ? taps_until(-first, a) : 0;
    end = a.in > first ? taps_until(a.in - first, a) : 0;
    padded = taps_until(a.in + a.pad_end - first, a);
  }

 private:
  /// How many taps lie before `distance`.
  static int64_t taps_until(int64_t distance, const PoolAxis& a) {
    const int64_t taps = (distance + a.dilation - 1) / a.dilation;
    return taps < a.kernel ? taps : a.kernel;
  }
};

template <class V>
void pool_pixel(const PoolArgs& p, const PoolTaps& y, const PoolTaps& x, float* dst) {
  const int64_t row = p.width.in * p.channels;
  const int64_t y_step = p.height.dilation * row, x_step = p.width.dilation * p.channels;
  const float* corner = p.input + y.first * row + x.first * p.channels;
  const auto fold = [&](int64_t channel, auto load, auto first, auto function) {
    auto value = first;
    for (int64_t ky = y.begin; ky < y.end; ++ky)
      for (int64_t kx = x.begin; kx < x.end; ++kx)
        value = function(value, load(corner + ky * y_step + kx * x_step + channel));
    return value;
  };
  if (!p.average) {
    for_each_vector<V>(0, p.channels, [&](int64_t i, auto load, auto store) {
      store(dst + i, fold(i, load, V::set1(-__builtin_inff()), [](auto best, auto value) {
              return V::keep_nan(best, V::max(best, value));
            }));
    });
    return;
  }
  const int64_t count =
      p.count_padding ? y.padded * x.padded : (y.end - y.begin) * (x.end - x.begin);
  const auto divisor = V::set1(static_cast<float>(count));
  for_each_vector<V>(0, p.channels, [&](int64_t i, auto load, auto store) {
    const auto sum =
        fold(i, load, V::zero(), [](auto total, auto value) { return V::add(total, value); });
    store(dst + i, V::div(sum, divisor));
  });
}

template <class V>
void pool(const PoolArgs& p, int64_t y_begin, int64_t y_end) {
  for (int64_t y = y_begin; y < y_end; ++y) {
    const PoolTaps rows(p.height, y);
    for (int64_t x = 0; x < p.width.out; ++x)
      pool_pixel<V>(p, rows, PoolTaps(p.width, x), p.output + (y * p.width.out + x) * p.channels);
  }
}

}  // namespace
}  // namespace vitro::cpu
