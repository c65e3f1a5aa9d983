#pragma once

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {

/// x Phi(x), Phi the normal distribution (GELU in its erf form), within 1e-6 of it: relu(x) - a
/// Phi(-a), a = |x|, with a polynomial fitted to the logarithm of Phi(-a). What is small stays
/// relatively right, which a form with tanh does not give: over a network its errors at negative x
/// add up to 1 % of the logits.
__device__ __forceinline__ float gelu_16bit(float x) {
  const float a = fabsf(x);
  float p = -4.73457636e-4f;
  p = fmaf(p, a, 7.08550739e-3f);
  p = fmaf(p, a, -5.18295374e-2f);
  p = fmaf(p, a, -4.59990340e-1f);
  p = fmaf(p, a, -1.15078869f);
  p = fmaf(p, a, -1.00003752f);
  return fmaf(-a, exp2_approx(p), max_or_nan(x, 0.0f));
}

template <typename T>
__device__ __forceinline__ float gelu(float x) {
  return gelu_16bit(x);
}
/// The same within 6e-8 of it and of max(1, |x|), as near as erff() comes in half the
/// instructions. From -6 on it is less than 1e-8 below zero.
template <>
__device__ __forceinline__ float gelu<float>(float x) {
  const float a = fminf(fabsf(x), 6.0f);
  float p = -1.69040175e-6f;
  p = fmaf(p, a, 2.50833091e-5f);
  p = fmaf(p, a, -1.14462695e-4f);
  p = fmaf(p, a, -3.23342043e-4f);
  p = fmaf(p, a, 7.3333839e-3f);
  p = fmaf(p, a, -5.27141988e-2f);
  p = fmaf(p, a, -4.59115446e-1f);
  p = fmaf(p, a, -1.15112329f);
  p = fmaf(p, a, -9.99998868e-1f);
  return fmaf(-a, exp2_approx(p), max_or_nan(x, 0.0f));
}

template <typename T>
__device__ __forceinline__ float sigmoid(float x) {
  return __fdividef(1.0f, 1.0f + exp2_approx(-1.44269504f * x));
}
template <>
__device__ __forceinline__ float sigmoid<float>(float x) {
  return 1.0f / (1.0f + expf(-x));
}
/// NaN where x is.
__device__ __forceinline__ float clamp(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

/// For results that are stored as T.
template <typename T>
__device__ __forceinline__ float activate(const Activation& function, float x) {
  switch (function.op) {
    case UnaryOp::None:
      return x;
    case UnaryOp::Relu:
      return max_or_nan(x, 0.0f);
    case UnaryOp::Gelu:
      return gelu<T>(x);
    case UnaryOp::GeluTanh:
      return 0.5f * x * (1.0f + tanhf(0.79788456f * fmaf(0.044715f * x * x, x, x)));
    case UnaryOp::Sigmoid:
      return sigmoid<T>(x);
    case UnaryOp::Tanh:
      return tanhf(x);
    case UnaryOp::HardSigmoid:
      return clamp(fmaf(function.alpha, x, function.beta), 0.0f, 1.0f);
    case UnaryOp::HardSwish:
      return x * clamp(fmaf(x, 1.0f / 6.0f, 0.5f), 0.0f, 1.0f);
    case UnaryOp::Silu:
      return x * sigmoid<T>(x);
    case UnaryOp::Clip:
      return clamp(x, function.alpha, function.beta);
  }
  return x;
}

// Functions that a kernel knows when it is compiled.
struct NoActivation {
  template <typename T>
  __device__ __forceinline__ float apply(float x) const {
    return x;
  }
};
struct GeluActivation {
  template <typename T>
  __device__ __forceinline__ float apply(float x) const {
    return gelu<T>(x);
  }
};
/// Any other activation of products: t or x t, t = clamp(scale x + shift) or sigmoid(x).
class OtherActivation {
 public:
  __device__ __forceinline__ explicit OtherActivation(const Activation& f)
      : is_factor_(f.op == UnaryOp::HardSwish || f.op == UnaryOp::Silu),
        is_sigmoid_(f.op == UnaryOp::Silu) {
    if (f.op == UnaryOp::HardSwish) scale_ = 1.0f / 6.0f, shift_ = 0.5f;
    if (f.op != UnaryOp::Clip) low_ = 0.0f;
    if (f.op == UnaryOp::HardSwish) high_ = 1.0f;
    if (f.op == UnaryOp::Clip) low_ = f.alpha, high_ = f.beta;
  }
  template <typename T>
  __device__ __forceinline__ float apply(float x) const {
    const float t = is_sigmoid_ ? sigmoid<T>(x) : clamp(fmaf(x, scale_, shift_), low_, high_);
    return is_factor_ ? x * t : t;
  }

 private:
  bool is_factor_, is_sigmoid_;
  float scale_ = 1.0f, shift_ = 0.0f, low_, high_ = INFINITY;
};

/// call(one of the three). What a kernel does to all its results is in the call: code that follows
/// itself is fetched faster than code with that of other functions in between.
template <typename F>
__device__ __forceinline__ void with_activation(const Activation& function, F&& call) {
  if (function.op == UnaryOp::None)
    call(NoActivation{});
  else if (function.op == UnaryOp::Gelu)
    call(GeluActivation{});
  else
    call(OtherActivation(function));
}

}  // namespace vitro::cuda
