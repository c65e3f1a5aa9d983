#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// A neighbour of a position of the result, and its weight.
struct ResizeTap {
  int32_t position;  // in x; below zero: there are no more
  float weight;
};

/// y[o, i, c] = sum over t of taps[i, t].weight * x[o, taps[i, t].position, c], in float32: a
/// resize along one axis.
struct ResizeArgs {
  Element from = Element::Float16;  // of x
  Element to = Element::Float16;    // of y
  const void* x = nullptr;          // [outer, in, inner]
  void* y = nullptr;                // [outer, out, inner]
  int64_t outer = 0, inner = 0;
  int in = 0, out = 0;
  const ResizeTap* taps = nullptr;  // [out, most_taps]
  int most_taps = 0;
};
/// A thread makes eight neighbours of inner where 8 divides it and addresses are 16-byte aligned,
/// else one.
void resize(const ResizeArgs& args, const Launch& launch);

}  // namespace vitro::cuda
