#pragma once

#include <limits>
#include <type_traits>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/number.h"

namespace vitro::cuda {

/// Element i as V: float, or int64_t for integers and booleans.
template <typename V>
__device__ __forceinline__ V load_number(Number number, const void* x, int64_t i) {
  switch (number) {
    case Number::Float32:
      return static_cast<V>(static_cast<const float*>(x)[i]);
    case Number::Float16:
      return static_cast<V>(to_float(static_cast<const __half*>(x)[i]));
    case Number::BFloat16:
      return static_cast<V>(to_float(static_cast<const __nv_bfloat16*>(x)[i]));
    case Number::Int64:
      return static_cast<V>(static_cast<const int64_t*>(x)[i]);
    case Number::Int32:
      return static_cast<V>(static_cast<const int32_t*>(x)[i]);
    case Number::Int8:
      return static_cast<V>(static_cast<const int8_t*>(x)[i]);
    case Number::UInt8:
      return static_cast<V>(static_cast<const uint8_t*>(x)[i]);
    default:  // Boolean
      return static_cast<V>(static_cast<const uint8_t*>(x)[i] != 0);
  }
}

/// A float as an integer: towards zero, within the range of the type, 0 for NaN.
template <typename T, typename V>
__device__ __forceinline__ T to_integer(V v) {
  if constexpr (std::is_floating_point_v<V>) {
    if (v != v) return 0;
    if (v >= static_cast<V>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    if (v <= static_cast<V>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  }
  return static_cast<T>(v);
}

template <typename V>
__device__ __forceinline__ void store_number(Number number, void* y, int64_t i, V v) {
  switch (number) {
    case Number::Float32:
      static_cast<float*>(y)[i] = static_cast<float>(v);
      break;
    case Number::Float16:
      static_cast<__half*>(y)[i] = from_float<__half>(static_cast<float>(v));
      break;
    case Number::BFloat16:
      static_cast<__nv_bfloat16*>(y)[i] = from_float<__nv_bfloat16>(static_cast<float>(v));
      break;
    case Number::Int64:
      static_cast<int64_t*>(y)[i] = to_integer<int64_t>(v);
      break;
    case Number::Int32:
      static_cast<int32_t*>(y)[i] = to_integer<int32_t>(v);
      break;
    case Number::Int8:
      static_cast<int8_t*>(y)[i] = to_integer<int8_t>(v);
      break;
    case Number::UInt8:
      static_cast<uint8_t*>(y)[i] = to_integer<uint8_t>(v);
      break;
    default:  // Boolean
      static_cast<uint8_t*>(y)[i] = v != V{0};
  }
}

}  // namespace vitro::cuda
