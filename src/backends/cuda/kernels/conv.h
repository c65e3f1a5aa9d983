#pragma once

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// One axis of the windows of a convolution.
struct ConvAxis {
  int in = 1, out = 1;
  int kernel = 1, stride = 1, dilation = 1, pad_begin = 0;
};

/// y = act(conv(x, weight) + bias + residual) in groups, over up to three axes; sums in float32.
struct ConvArgs {
  Element element = Element::Float16;  // of x, weight, residual and y
  const void* x = nullptr;             // [n, d, h, w, c]
  const void* weight = nullptr;        // [o, kd, kh, kw, c / groups]
  const float* bias = nullptr;         // [o] or null
  const void* residual = nullptr;      // [n, od, oh, ow, o] or null; may be y
  Activation activation;               // act
  void* y = nullptr;                   // [n, od, oh, ow, o]
  int n = 0, c = 0, o = 0, groups = 1;
  ConvAxis depth, height, width;  // an axis that there is not is one of 1
  int num_sms = 1;                // of the device: what tensor cores are worth for
};
/// On tensor cores where takes_groups() says so. Else a thread makes one channel of four
/// neighbouring pixels: for convolutions that are no product of large matrices. Eight channels at a
/// time where 8 divides those of a group and x and weight are 16-byte aligned.
void conv(const ConvArgs& args, const Launch& launch);

}  // namespace vitro::cuda
