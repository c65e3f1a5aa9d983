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

/// dst = (x - centre) * scale + shift on rows of [rows, channels], each of the three [channels].
struct ChannelNormArgs {
  const float* x = nullptr;
  float* dst = nullptr;  ///< may be x
  int64_t channels = 0;
  const float* centre = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
};
using ChannelNormRows = void (*)(const ChannelNormArgs& args, int64_t row_begin, int64_t row_end);

/// dst = softmax(x) over each row of [rows, columns]. dst may be x.
struct SoftmaxArgs {
  const float* x = nullptr;
  float* dst = nullptr;
  int64_t columns = 0;
};
using SoftmaxRows = void (*)(const SoftmaxArgs& args, int64_t row_begin, int64_t row_end);

/// The same over each column: columns [begin, end) of x [rows, columns].
using SoftmaxColumns = void (*)(const SoftmaxArgs& args, int64_t rows, int64_t begin, int64_t end);

enum class BinaryKind : uint8_t { Add, Sub, Mul, Div, Min, Max };
inline constexpr int kNumBinaryKinds = 6;
/// dst[i] = x[i * x_step] o y[i * y_step] for i < count; steps are 0 or 1, not both 0. dst may be x
/// or y of step 1. A minimum or maximum is NaN where one is NaN.
struct BinaryArgs {
  const float* x = nullptr;
  int64_t x_step = 1;
  const float* y = nullptr;
  int64_t y_step = 1;
  int64_t count = 0;
  float* dst = nullptr;
};
using BinaryRange = void (*)(const BinaryArgs& args);
/// dst[i] = sum over the terms of weight * src[i], i < count.
struct WeightedTerm {
  const float* src;
  float weight;
};
using WeightedSum = void (*)(const WeightedTerm* terms, int64_t num_terms, int64_t count,
                             float* dst);
/// src [rows, columns], rows lds apart -> dst [columns, rows], rows ldd apart.
using TransposeMatrix = void (*)(const float* src, int64_t rows, int64_t columns, int64_t lds,
                                 float* dst, int64_t ldd);

}  // namespace vitro::cpu
