#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = (x - m) / sqrt(v + eps) [* weight + bias], m and v the mean and the biased variance of a
/// row, taken in float32 in two passes over registers.
struct LayerNormArgs {
  Element element = Element::Float16;  // of x and y, which may be the same memory
  const void* x = nullptr;             // [rows, c]
  const float* weight = nullptr;       // [c] or null
  const float* bias = nullptr;         // [c] or null
  void* y = nullptr;                   // [rows, c]
  int64_t rows = 0;
  int c = 0;
  float eps = 1e-6f;
};

/// Any extents; fast when 8 divides c, c <= 2048 and all pointers are 16-byte aligned.
void layer_norm(const LayerNormArgs& args, const Launch& launch);

}  // namespace vitro::cuda
