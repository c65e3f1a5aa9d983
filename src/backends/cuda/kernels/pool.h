#pragma once

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// One axis of the windows.
struct PoolAxis {
  int in = 1, out = 1;
  int kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
};

/// y[n, od, oh, ow, c] = the maximum or the average of windows of x[n, d, h, w, c]; sums in
/// float32.
struct PoolArgs {
  bool average = false;
  bool count_padding = false;          // an average counts the padding as elements
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;
  void* y = nullptr;
  int n = 0, c = 0;
  PoolAxis height, width, depth;  // an axis that there is not is one of 1
};
void pool(const PoolArgs& args, const Launch& launch);

}  // namespace vitro::cuda
