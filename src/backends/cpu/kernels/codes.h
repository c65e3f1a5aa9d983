#pragma once

#include <cstdint>

namespace vitro::cpu {

/// What codes stand for, as ONNX has it: one scale and zero point, or one for each element of the
/// range.
struct CodesArgs {
  const float* scale = nullptr;
  const float* zero = nullptr;
  bool by_element = false;
};
/// codes[i] = clamp(round(x[i] / scale) + zero) as bytes, halves to even; NaN is 0.
using QuantizeRange = void (*)(const CodesArgs& args, const float* x, int64_t count, void* codes);
/// dst[i] = (codes[i] - zero) * scale.
using DequantizeRange = void (*)(const CodesArgs& args, const void* codes, int64_t count,
                                 float* dst);

}  // namespace vitro::cpu
