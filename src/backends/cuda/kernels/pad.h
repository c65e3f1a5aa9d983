#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// What lies outside of x: x mirrored about its last elements, the last elements, or x again.
enum class PadBorder { Reflect, Edge, Wrap };

/// y = x with a border made of x, both dense. Bits are copied.
struct PadArgs {
  PadBorder border = PadBorder::Reflect;
  int element_bytes = 2;  // 1, 2, 4 or 8
  const void* x = nullptr;
  void* y = nullptr;
  Dims x_dims, y_dims;
  Dims begin;  // elements before x along each axis; below zero: of x that are left out
};
/// An element a thread. Throws std::invalid_argument when the ranks differ or y has more than
/// 2^31 - 1 elements.
void pad(const PadArgs& args, const Launch& launch);

}  // namespace vitro::cuda
