#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/number.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// Functions of two elements, as docs/operators.md defines them. Those from Equal on give
/// booleans.
enum class BinaryOp {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Min,
  Max,
  Mod,
  Fmod,
  PRelu,
  Equal,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  And,
  Or,
  Xor
};
constexpr bool gives_booleans(BinaryOp op) { return op >= BinaryOp::Equal; }
/// Whether operands may be booleans.
constexpr bool takes_booleans(BinaryOp op) { return op == BinaryOp::Equal || op >= BinaryOp::And; }

/// y = a op b over `dims`, in float32 or int64 (which wraps around), y dense. A stride of 0
/// broadcasts. y may be a or b where that one is dense and of its type.
struct BinaryArgs {
  BinaryOp op = BinaryOp::Add;
  Number number = Number::Float16;  // of a and b, and of y but for booleans
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  Dims dims;                  // of y
  Dims a_strides, b_strides;  // in elements
};
/// Eight elements a thread where the innermost runs of floats allow it. Throws
/// std::invalid_argument for what collapse() does, and for booleans where the function is of
/// numbers or numbers where it is of booleans.
void binary(const BinaryArgs& args, const Launch& launch);

}  // namespace vitro::cuda
