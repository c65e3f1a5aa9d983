#pragma once

#include <cstdint>

#include "backends/cpu/kernels/activation.h"

namespace vitro::cpu {

/// Depthwise convolution of one image, zero padding. Fastest for 3x3, 5x5 and 7x7 with stride 1
/// or 2, padded by half a kernel at most; good for every geometry.
struct DepthwiseArgs {
  const float* input = nullptr;    ///< [in_h, in_w, channels]
  const float* weights = nullptr;  ///< [kernel_h, kernel_w, channels]
  const float* bias = nullptr;     ///< [channels] or null
  float* output = nullptr;         ///< rows from out_y0 on; must not overlap input
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t channels = 0;
  int64_t kernel_h = 0;
  int64_t kernel_w = 0;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  Activation activation;
  int64_t out_y0 = 0;  ///< the row of the result [out_h, out_w, channels] that output points to
};

/// Computes output rows [y_begin, y_end), y_begin >= out_y0.
using Depthwise = void (*)(const DepthwiseArgs& args, int64_t y_begin, int64_t y_end);

}  // namespace vitro::cpu
