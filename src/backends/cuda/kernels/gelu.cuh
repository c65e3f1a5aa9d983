#pragma once

#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {

/// x Phi(x), Phi the normal distribution (GELU in its erf form), within 1e-5 of it, and relatively
/// within 4e-4 for |x| < 3: Phi is a logistic function whose exponent is x times a polynomial of
/// x^2 fitted to log2(Phi(x) / Phi(-x)) / x. For results that are then rounded to 16 bits.
__device__ __forceinline__ float gelu_16bit(float x) {
  const float u = x * x;
  float q = 2.473724180163117e-06f;
  q = fmaf(q, u, -7.090129656717181e-05f);
  q = fmaf(q, u, -4.799350572284311e-04f);
  q = fmaf(q, u, 1.055043563246727e-01f);
  q = fmaf(q, u, 2.301880836486816f);
  return x * reciprocal_approx(1.0f + exp2_approx(-x * q));
}

template <typename T>
__device__ __forceinline__ float gelu(float x) {
  return gelu_16bit(x);
}
template <>
__device__ __forceinline__ float gelu<float>(float x) {
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

}  // namespace vitro::cuda
