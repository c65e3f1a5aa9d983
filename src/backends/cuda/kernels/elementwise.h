#pragma once

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// y[i] = function(x[i]); x and y may be the same memory.
struct UnaryArgs {
  Activation function;
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;
  void* y = nullptr;
  int64_t count = 0;
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
