#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// Functions of one element that are no activations of kernels/activation.h, as docs/operators.md
/// defines them. Those from Not on give booleans; NumberOf and Not read them.
enum class MathOp {
  Exp,
  Log,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Neg,
  Abs,
  Erf,
  Floor,
  Ceil,
  Round,
  Sign,
  Mish,
  Elu,
  Celu,
  Selu,
  LeakyRelu,
  ThresholdedRelu,
  Softplus,
  Softsign,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Asinh,
  Acosh,
  Atanh,
  NumberOf,  // a boolean as 0 or 1
  Not,
  IsNan,
  IsInf,
  IsNotZero
};
constexpr bool reads_booleans(MathOp op) { return op == MathOp::NumberOf || op == MathOp::Not; }
constexpr bool gives_booleans(MathOp op) { return op >= MathOp::Not; }

/// y[i] = function(x[i]) in float32; x and y may be the same memory where their types are.
struct UnaryMathArgs {
  MathOp op = MathOp::Exp;
  float alpha = 0, beta = 0;           // parameters of Elu, Celu, LeakyRelu, ThresholdedRelu, IsInf
  Element element = Element::Float16;  // of x and y, but for booleans
  const void* x = nullptr;
  void* y = nullptr;
  int64_t count = 0;
};
/// One element a thread, any alignment.
void unary_math(const UnaryMathArgs& args, const Launch& launch);

}  // namespace vitro::cuda
