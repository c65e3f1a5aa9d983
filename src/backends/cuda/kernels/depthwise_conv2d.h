#pragma once

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[n, Y, X, c] = act(bias[c] + sum over a, b of weight[a, b, c] x[n, Y stride_y + a - pad_top,
/// X stride_x + b - pad_left, c]), zero outside x. Summed in float32.
struct DepthwiseConv2dArgs {
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;             // [n, h, w, c]
  const float* weight = nullptr;       // [kh, kw, c]
  const float* bias = nullptr;         // [c] or null
  Activation activation;               // of products
  void* y = nullptr;                   // [n, oh, ow, c]
  /// Where to leave the sum and the sum of squares of parts of each pixel of y, [n * oh * ow,
  /// depthwise_conv2d_result_parts()], for a layer norm of it (LinearArgs::row_sums), or null.
  float2* result_sums = nullptr;
  int n = 0, h = 0, w = 0, c = 0;
  int oh = 0, ow = 0;
  int kh = 0, kw = 0;
  int stride_y = 1, stride_x = 1;
  int pad_top = 0, pad_left = 0;
};

/// Parts of each pixel that it can leave sums of; 0: it leaves none.
int depthwise_conv2d_result_parts(const DepthwiseConv2dArgs& args);

/// Any extents. Fast for 3x3, 5x5 and 7x7 of stride 1 and 2 when 8 divides c and x and y are
/// 16-byte aligned; otherwise one thread per element. Equal bits whichever runs for a given kernel
/// shape and n.
void depthwise_conv2d(const DepthwiseConv2dArgs& args, const Launch& launch);

}  // namespace vitro::cuda
