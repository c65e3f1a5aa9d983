#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = exp(x - max x) / sum of exp(x - max x) along c, or the logarithm of that, in float32.
struct SoftmaxArgs {
  Element element = Element::Float16;  // of x and y, which may be the same memory
  const void* x = nullptr;             // [rows, c, inner]
  void* y = nullptr;                   // [rows, c, inner]
  int64_t rows = 0;
  int c = 0;
  int inner = 1;
  bool log = false;
};
/// A warp per row where inner is 1, else a thread per line.
void softmax(const SoftmaxArgs& args, const Launch& launch);

}  // namespace vitro::cuda
