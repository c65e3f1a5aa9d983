#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/number.h"

namespace vitro::cuda {

/// The first k elements of each line of x[outer, extent, inner], in falling order or rising: NaN
/// first, then equal ones in the order of their places.
struct TopKArgs {
  Number number = Number::Float16;  // a float or Int64
  bool largest = true;
  int64_t outer = 1, extent = 1, inner = 1, k = 1;
  const void* x = nullptr;
  void* values = nullptr;      // [outer, k, inner] or null
  int64_t* indices = nullptr;  // the same
};
/// A warp for each line, which looks through it k times.
void top_k(const TopKArgs& args, const Launch& launch);

/// Where the largest element of each line lies, or the smallest: the first of equal ones or the
/// last. NaN is neither, unless it comes first.
struct ArgArgs {
  Number number = Number::Float16;  // as above
  bool largest = true, last = false;
  int64_t outer = 1, extent = 1, inner = 1;
  const void* x = nullptr;
  int64_t* indices = nullptr;  // [outer, inner]
};
void arg(const ArgArgs& args, const Launch& launch);

}  // namespace vitro::cuda
