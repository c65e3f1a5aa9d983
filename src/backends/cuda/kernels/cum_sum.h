#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[o, i, c] = the sum of x[o, 0 .. i, c], in float32.
struct CumSumArgs {
  bool exclusive = false;              // without x[o, i, c] itself
  bool reverse = false;                // from the end
  Element element = Element::Float16;  // of x and y, which may be the same memory
  const void* x = nullptr;             // [outer, extent, inner]
  void* y = nullptr;                   // [outer, extent, inner]
  int64_t outer = 0, inner = 0;
  int extent = 0;
};
/// A thread adds up each line.
void cum_sum(const CumSumArgs& args, const Launch& launch);

}  // namespace vitro::cuda
