#pragma once

#include <cstddef>
#include <cstdint>

namespace vitro::cpu {

/// Self-attention of one image: out = softmax(scale * Q K^T) V per head, tokens in rows.
struct AttentionArgs {
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;
  /// [tokens, 3 * heads * head_dim]: per token the queries of all heads, then keys, then values.
  const float* qkv = nullptr;
  float* out = nullptr;      ///< [tokens, heads * head_dim]
  float scale = 1;           ///< >= 0: the greatest score is sought before it is scaled
  float* scratch = nullptr;  ///< attention_scratch_size floats, private to the thread
  /// Instead of qkv, for an even head_dim: rows bfloat16_stride(3 * heads * head_dim) apart.
  const uint16_t* qkv_bfloat16 = nullptr;
  /// Instead of out, with qkv_bfloat16: rows bfloat16_stride(heads * head_dim) apart.
  uint16_t* out_bfloat16 = nullptr;
};

/// Queries that share one pass over keys and values. Ranges of whole multiples waste no lanes.
inline constexpr int64_t kAttentionQueries = 32;

/// Floats that one call of attention needs, whatever its row range.
size_t attention_scratch_size(int64_t tokens, int64_t head_dim);

/// Output rows [row_begin, row_end) of `head`.
using Attention = void (*)(const AttentionArgs& args, int64_t head, int64_t row_begin,
                           int64_t row_end);

}  // namespace vitro::cpu
