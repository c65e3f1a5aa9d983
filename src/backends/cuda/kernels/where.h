#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// y = condition ? a : b over `dims`, y dense. A stride of 0 broadcasts. Bits are copied.
struct WhereArgs {
  int element_bytes = 2;            // of a, b and y: 1, 2, 4 or 8
  const void* condition = nullptr;  // booleans of a byte
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  Dims dims;                                     // of y
  Dims condition_strides, a_strides, b_strides;  // in elements
};
/// An element a thread. Throws std::invalid_argument for what collapse() does.
void where(const WhereArgs& args, const Launch& launch);

}  // namespace vitro::cuda
