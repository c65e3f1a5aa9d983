#pragma once

#include <cstdint>

namespace vitro::cpu {

/// dst = (x - mean) / sqrt(var + eps) * gamma + beta over each row of [rows, channels].
struct LayerNormArgs {
  const float* x = nullptr;
  float* dst = nullptr;  ///< may be x
  int64_t channels = 0;
  float eps = 0;
  const float* gamma = nullptr;  ///< [channels] or null
  const float* beta = nullptr;   ///< [channels] or null
};
using LayerNormRows = void (*)(const LayerNormArgs& args, int64_t row_begin, int64_t row_end);

/// dst = softmax(x) over each row of [rows, columns]. dst may be x.
struct SoftmaxArgs {
  const float* x = nullptr;
  float* dst = nullptr;
  int64_t columns = 0;
};
using SoftmaxRows = void (*)(const SoftmaxArgs& args, int64_t row_begin, int64_t row_end);

/// dst[i] = f(x[i]) for i < count; dst may be x.
using UnaryRange = void (*)(const float* x, int64_t count, float* dst);
/// dst[i] = x[i] + y[i] for i < count; dst may be x or y.
using BinaryRange = void (*)(const float* x, const float* y, int64_t count, float* dst);
/// Reduces x [tokens, channels] over its tokens to dst [channels], for channels [begin, end) only.
using ReduceTokens = void (*)(const float* x, int64_t tokens, int64_t channels, int64_t begin,
                              int64_t end, float* dst);

}  // namespace vitro::cpu
