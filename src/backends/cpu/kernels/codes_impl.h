#pragma once

#include <cstdint>
#include <limits>

#include "backends/cpu/kernels/codes.h"
#include "backends/cpu/kernels/rows_impl.h"

namespace vitro::cpu {
namespace {

/// Codes of numbers that are rounded already; of NaN 0.
template <typename T>
void narrow_codes(const float* y, int64_t count, T* codes) {
  constexpr float kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  for (int64_t i = 0; i < count; ++i) {
    float v = y[i] == y[i] ? y[i] : 0.0f;
    v = v < kHigh ? v : kHigh;
    v = v > kLow ? v : kLow;
    codes[i] = static_cast<T>(static_cast<int32_t>(v));
  }
}

template <class V, typename T>
void quantize_range(const CodesArgs& a, const float* x, int64_t count, void* codes) {
  constexpr int64_t kCodesBlock = 256;
  float y[kCodesBlock];
  const auto one_scale = V::set1(*a.scale), one_zero = V::set1(*a.zero);
  for (int64_t begin = 0; begin < count; begin += kCodesBlock) {
    const int64_t size = count - begin < kCodesBlock ? count - begin : kCodesBlock;
    const float* src = x + begin;
    if (a.by_element)
      for_each_vector<V>(0, size, [&](int64_t i, auto load, auto store) {
        const auto quotient = V::div(load(src + i), load(a.scale + begin + i));
        store(y + i, V::add(V::round(quotient), load(a.zero + begin + i)));
      });
    else
      for_each_vector<V>(0, size, [&](int64_t i, auto load, auto store) {
        store(y + i, V::add(V::round(V::div(load(src + i), one_scale)), one_zero));
      });
    narrow_codes(y, size, static_cast<T*>(codes) + begin);
  }
}

template <class V, typename T>
void dequantize_range(const CodesArgs& a, const void* codes, int64_t count, float* dst) {
  const T* src = static_cast<const T*>(codes);
  if (a.by_element) {
    for (int64_t i = 0; i < count; ++i)
      dst[i] = (static_cast<float>(src[i]) - a.zero[i]) * a.scale[i];
    return;
  }
  const float scale = *a.scale, zero = *a.zero;
  for (int64_t i = 0; i < count; ++i) dst[i] = (static_cast<float>(src[i]) - zero) * scale;
}

}  // namespace
}  // namespace vitro::cpu
