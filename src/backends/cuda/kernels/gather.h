#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[o, i, c] = x[o, indices[o * lists / outer, i], c], or with `elements` y[o, i, c] =
/// x[o, indices[o, i, c], c]. An index below zero counts from the end, one out of range is that of
/// the nearest element. Bits are copied.
struct GatherArgs {
  bool elements = false;
  int element_bytes = 2;          // of x and y: 1, 2, 4 or 8
  bool wide = true;               // indices are int64, else int32
  const void* x = nullptr;        // [outer, extent, inner]
  const void* indices = nullptr;  // [lists, picked], with elements [outer, picked, inner]
  void* y = nullptr;              // [outer, picked, inner]
  int64_t outer = 0, extent = 0, inner = 0, picked = 0;
  int64_t lists = 1;  // of indices, each for as many of `outer`
};
/// An element a thread.
void gather(const GatherArgs& args, const Launch& launch);

}  // namespace vitro::cuda
