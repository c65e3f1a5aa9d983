#include "backends/cuda/kernels/unary_math.h"

#include "backends/cuda/kernels/boolean.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ float softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

__device__ __forceinline__ float selu(float x) {
  constexpr float kAlpha = 1.67326324f, kScale = 1.05070099f;
  return kScale * (x > 0 ? x : kAlpha * expm1f(x));
}

/// Rounding, signs, and what ends with a boolean.
__device__ float evaluate_steps(const UnaryMathArgs& f, float x) {
  switch (f.op) {
    case MathOp::Neg:
      return -x;
    case MathOp::Abs:
      return fabsf(x);
    case MathOp::Floor:
      return floorf(x);
    case MathOp::Ceil:
      return ceilf(x);
    case MathOp::Round:
      return rintf(x);
    case MathOp::Sign:
      return x > 0 ? 1.0f : x < 0 ? -1.0f : x == 0 ? 0.0f : x;
    case MathOp::LeakyRelu:
      return x >= 0 ? x : f.alpha * x;
    case MathOp::ThresholdedRelu:
      return x > f.alpha ? x : 0.0f;
    case MathOp::Not:
      return x == 0;
    case MathOp::IsNan:
      return x != x;
    case MathOp::IsInf:
      return (x == INFINITY && f.beta != 0) || (x == -INFINITY && f.alpha != 0);
    case MathOp::IsNotZero:
      return x != 0;
    default:  // NumberOf
      return x;
  }
}

/// Functions of angles and their hyperbolic relatives, else evaluate_steps().
__device__ float evaluate_angles(const UnaryMathArgs& f, float x) {
  switch (f.op) {
    case MathOp::Sin:
      return sinf(x);
    case MathOp::Cos:
      return cosf(x);
    case MathOp::Tan:
      return tanf(x);
    case MathOp::Asin:
      return asinf(x);
    case MathOp::Acos:
      return acosf(x);
    case MathOp::Atan:
      return atanf(x);
    case MathOp::Sinh:
      return sinhf(x);
    case MathOp::Cosh:
      return coshf(x);
    case MathOp::Asinh:
      return asinhf(x);
    case MathOp::Acosh:
      return acoshf(x);
    case MathOp::Atanh:
      return atanhf(x);
    default:
      return evaluate_steps(f, x);
  }
}

__device__ float evaluate(const UnaryMathArgs& f, float x) {
  switch (f.op) {
    case MathOp::Exp:
      return expf(x);
    case MathOp::Log:
      return logf(x);
    case MathOp::Sqrt:
      return sqrtf(x);
    case MathOp::Rsqrt:
      return 1.0f / sqrtf(x);
    case MathOp::Reciprocal:
      return 1.0f / x;
    case MathOp::Erf:
      return erff(x);
    case MathOp::Mish:
      return x * tanhf(softplus(x));
    case MathOp::Elu:
      return x > 0 ? x : f.alpha * expm1f(x);
    case MathOp::Celu:
      return x > 0 ? x : f.alpha * expm1f(x / f.alpha);
    case MathOp::Selu:
      return selu(x);
    case MathOp::Softplus:
      return softplus(x);
    case MathOp::Softsign:
      return x / (1.0f + fabsf(x));
    default:
      return evaluate_angles(f, x);
  }
}

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads) unary_math_kernel(UnaryMathArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= args.count) return;
  const float x = to_float(static_cast<const From*>(args.x)[i]);
  static_cast<To*>(args.y)[i] = from_float<To>(evaluate(args, x));
}

template <typename From, typename To>
void launch_unary_math(const UnaryMathArgs& args, const Launch& launch) {
  launch_kernel("unary_math", unary_math_kernel<From, To>,
                dim3(static_cast<unsigned>((args.count + kThreads - 1) / kThreads)), dim3(kThreads),
                0, launch, args);
}

}  // namespace

void unary_math(const UnaryMathArgs& args, const Launch& launch) {
  if (args.count == 0) return;
  if (args.op == MathOp::Not) return launch_unary_math<Boolean, Boolean>(args, launch);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.op == MathOp::NumberOf) return launch_unary_math<Boolean, T>(args, launch);
    if (gives_booleans(args.op)) return launch_unary_math<T, Boolean>(args, launch);
    launch_unary_math<T, T>(args, launch);
  });
}

}  // namespace vitro::cuda
