#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = exp(x - max x) / sum of exp(x - max x) over each row, in float32.
struct SoftmaxArgs {
  Element element = Element::Float16;  // of x and y, which may be the same memory
  const void* x = nullptr;             // [rows, c]
  void* y = nullptr;                   // [rows, c]
  int64_t rows = 0;
  int c = 0;
};
void softmax(const SoftmaxArgs& args, const Launch& launch);

}  // namespace vitro::cuda
