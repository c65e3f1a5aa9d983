#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[i, j] = nearest(x[i, j] * factor[j]) * step[j], where nearest is the nearest 8-bit float
/// (e4m3, ties to even, saturating), for each of rows * c elements, fewer than 2^31.
struct RoundFloat8Args {
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;
  const float* factor = nullptr;
  const float* step = nullptr;
  void* y = nullptr;
  int rows = 0, c = 0;
};
void round_float8(const RoundFloat8Args& args, const Launch& launch);

}  // namespace vitro::cuda
