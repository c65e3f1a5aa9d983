#pragma once

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {

/// x Phi(x), Phi the normal distribution (GELU in its erf form), for results that are then rounded
/// to 16 bits: Phi is (1 + tanh(x r(x^2))) / 2 with a polynomial r fitted to 1e-5, and the GPU's
/// own tanh is within 5e-4 of tanh, which is what rounding to float16 costs a result above 0.5.
__device__ __forceinline__ float gelu_16bit(float x) {
  const float u = x * x, half = 0.5f * x;
  float r = 8.57327464e-07f;
  r = fmaf(r, u, -2.45725166e-05f);
  r = fmaf(r, u, -1.66332816e-04f);
  r = fmaf(r, u, 3.65650236e-02f);
  r = fmaf(r, u, 7.97771099e-01f);
  return fmaf(half, tanh_approx(x * r), half);
}

template <typename T>
__device__ __forceinline__ float gelu(float x) {
  return gelu_16bit(x);
}
template <>
__device__ __forceinline__ float gelu<float>(float x) {
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

/// The same of two values, rounded to T and side by side. In float16 two at a time: its polynomial
/// is fitted to 3e-5, and on normally distributed values the root mean square of all errors is
/// 2.2e-4, where rounding alone costs 1.4e-4.
template <typename T>
__device__ __forceinline__ uint32_t gelu_packed(float first, float second) {
  return pack_2<T>(gelu_16bit(first), gelu_16bit(second));
}
template <>
__device__ __forceinline__ uint32_t gelu_packed<__half>(float first, float second) {
  const __half2 x = __floats2half2_rn(first, second);
  // The polynomial turns around at 100.
  const __half2 u = __hmin2(__hmul2(x, x), __float2half2_rn(64.0f));
  __half2 r = __hfma2(__float2half2_rn(-3.5152058e-4f), u, __float2half2_rn(3.7005673e-2f));
  r = __hfma2(r, u, __float2half2_rn(0.79750785f));
  const __half2 half = __hmul2(x, __float2half2_rn(0.5f)), t = tanh_approx(__hmul2(x, r));
  const __half2 result = __hfma2(half, t, half);
  return reinterpret_cast<const uint32_t&>(result);
}

}  // namespace vitro::cuda
