#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = (x - m) / sqrt(v + eps) [* weight + bias], m and v the mean and the biased variance over the
/// pixels and the channels of a group of an image. In float32; variances are taken about the mean
/// of a part each, so that a mean far from zero costs no digits.
struct GroupNormArgs {
  Element element = Element::Float16;  // of x and y, which may be the same memory
  const void* x = nullptr;             // [n, pixels, c]
  const float* weight = nullptr;       // [c] or null
  const float* bias = nullptr;         // [c] or null
  void* y = nullptr;                   // [n, pixels, c]
  void* scratch = nullptr;             // group_norm_scratch_bytes() bytes
  int64_t n = 0, pixels = 0;
  int c = 0, groups = 1;
  float eps = 1e-5f;
};

size_t group_norm_scratch_bytes(const GroupNormArgs& args);

/// Any extents; eight channels at a time where 8 divides those of a group and all pointers are
/// 16-byte aligned.
void group_norm(const GroupNormArgs& args, const Launch& launch);

}  // namespace vitro::cuda
