#pragma once

#include <cstdint>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

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
