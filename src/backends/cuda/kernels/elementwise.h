#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// As docs/operators.md defines them; Clip is to [alpha, beta].
enum class UnaryOp { Relu, Gelu, GeluTanh, Sigmoid, Tanh, HardSigmoid, HardSwish, Silu, Clip };

/// y[i] = op(x[i]); x and y may be the same memory.
struct UnaryArgs {
  UnaryOp op = UnaryOp::Gelu;
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;
  void* y = nullptr;
  int64_t count = 0;
  float alpha = 0, beta = 0;  // parameters of HardSigmoid and Clip
};
void unary(const UnaryArgs& args, const Launch& launch);

enum class BinaryOp { Add, Mul };

/// y = a op b over `dims`, y dense. A stride of 0 broadcasts. y may be a or b where that one is
/// dense.
struct BinaryArgs {
  BinaryOp op = BinaryOp::Add;
  Element element = Element::Float16;  // of a, b and y
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  Dims dims;                  // of y
  Dims a_strides, b_strides;  // in elements
};
/// Eight elements a thread where the innermost runs allow it.
void binary(const BinaryArgs& args, const Launch& launch);

/// y[i] = x[i] in another storage type, rounded to the nearest.
struct CastArgs {
  Element from = Element::Float32;
  Element to = Element::Float16;
  const void* x = nullptr;
  void* y = nullptr;
  int64_t count = 0;
};
void cast(const CastArgs& args, const Launch& launch);

}  // namespace vitro::cuda
