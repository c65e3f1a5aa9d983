#pragma once

#include <cstdint>

namespace vitro::cpu {

/// What a reduction makes of its elements. An extreme is NaN where an element is NaN.
enum class ReduceKind : uint8_t { Sum, Mean, Max, Min, Prod, L1, L2, SumSquare };
inline constexpr int kNumReduceKinds = 8;

/// Reduces x [tokens, channels] over its tokens to dst [channels], for channels [begin, end) only.
using ReduceTokens = void (*)(const float* x, int64_t tokens, int64_t channels, int64_t begin,
                              int64_t end, float* dst);
/// Reduces x [rows, columns] over its columns to dst [rows], for rows [begin, end) only.
using ReduceRows = void (*)(const float* x, int64_t columns, int64_t begin, int64_t end,
                            float* dst);
struct ReduceKernels {
  ReduceTokens tokens = nullptr;
  ReduceRows rows = nullptr;
};

/// Running sums over the tokens of x [tokens, channels], for channels [begin, end) only.
struct CumSumArgs {
  const float* x = nullptr;
  float* dst = nullptr;  ///< may be x
  int64_t tokens = 0;
  int64_t channels = 0;
  bool exclusive = false;  ///< without the token itself
  bool reverse = false;    ///< from the last token on
};
using CumSumTokens = void (*)(const CumSumArgs& args, int64_t begin, int64_t end);

}  // namespace vitro::cpu
