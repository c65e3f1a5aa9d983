#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/number.h"

namespace vitro::cuda {

/// y[i] = x[i] in another type: floats to integers towards zero and within their range, NaN to 0.
struct ConvertArgs {
  Number from = Number::Float32, to = Number::Float32;
  const void* x = nullptr;
  void* y = nullptr;
  int64_t count = 0;
};
void convert(const ConvertArgs& args, const Launch& launch);

/// Codes q of numbers x: q = round(x / scale) + zero within the range of their type, and back
/// x = (q - zero) * scale.
struct QuantizeArgs {
  bool quantizes = true;            // else back
  Number number = Number::Float16;  // a float: of x
  Number code = Number::UInt8;      // UInt8 or Int8: of q
  const float* scale = nullptr;     // [scales]
  const void* zero = nullptr;       // [scales] codes, or null for zeros
  int64_t scales = 1, inner = 1;    // element i has scale i / inner % scales
  const void* from = nullptr;
  void* to = nullptr;
  int64_t count = 0;
};
void quantize_linear(const QuantizeArgs& args, const Launch& launch);

}  // namespace vitro::cuda
