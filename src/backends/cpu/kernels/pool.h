#pragma once

#include <cstdint>

namespace vitro::cpu {

/// One spatial axis of a pool.
struct PoolAxis {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
};

/// A pool over the windows of one image. A maximum is NaN where an element of the window is; of a
/// window without elements it is -inf.
struct PoolArgs {
  const float* input = nullptr;  ///< [height.in, width.in, channels]
  float* output = nullptr;       ///< [height.out, width.out, channels]
  int64_t channels = 0;
  PoolAxis height, width;
  bool average = false;
  bool count_padding = false;  ///< an average counts the padding as elements
};

/// Computes output rows [y_begin, y_end).
using Pool = void (*)(const PoolArgs& args, int64_t y_begin, int64_t y_end);

}  // namespace vitro::cpu
