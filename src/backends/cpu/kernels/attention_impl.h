#pragma once

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/attention_plan.h"
#include "backends/cpu/kernels/gemm_impl.h"
#include "backends/cpu/kernels/rows_impl.h"

namespace vitro::cpu {
namespace {

/// K [tokens, head_dim], rows `stride` apart -> panels of 16 tokens, [tokens / 16][head_dim][16].
template <class V>
void pack_keys(const AttentionArgs& a, int64_t head) {
  const int64_t channels = a.heads * a.head_dim;
  const int64_t stride = 3 * channels;
  const float* keys = a.qkv + channels + head * a.head_dim;
  float* dst = a.keys;
  for (int64_t base = 0; base < a.tokens; base += 16, dst += 16 * a.head_dim) {
    const int64_t count = a.tokens - base < 16 ? a.tokens - base : 16;
    int64_t done = 0;
    for (; done + 4 <= count; done += 4) {
      const float* first = keys + (base + done) * stride;
      const float* const rows[4] = {first, first + stride, first + 2 * stride, first + 3 * stride};
      V::transpose4(rows, a.head_dim, dst + done, 16);
    }
    for (; done < count; ++done) {
      const float* src = keys + (base + done) * stride;
      for (int64_t i = 0; i < a.head_dim; ++i) dst[16 * i + done] = src[i];
    }
    for (; done < 16; ++done)
      for (int64_t i = 0; i < a.head_dim; ++i) dst[16 * i + done] = 0.0f;
  }
}

/// C = A * B for a few rows, nothing else.
template <class V>
void small_gemm(const GemmArgs& g) {
  const RowTiles tiles(0, g.m, V::kGemmRows);
  gemm_block<V>(g, tiles, 0, tiles.count, g.a, g.lda, 0, (g.n + 15) / 16);
}

/// Rows [row, row + rows) of one head, rows <= kAttentionRows: the scores stay in L1.
template <class V>
void attention_rows(const AttentionArgs& a, int64_t head, int64_t row, int64_t rows) {
  const int64_t channels = a.heads * a.head_dim;
  const float* image = a.qkv + head * a.head_dim;
  const int64_t score_stride = attention_score_stride(a.tokens);
  GemmArgs scores;
  scores.m = rows;
  scores.n = a.tokens;
  scores.k = a.head_dim;
  scores.a = image + row * 3 * channels;
  scores.lda = 3 * channels;
  scores.b = {a.keys, 16 * a.head_dim, 16};
  scores.c = a.scratch;
  scores.ldc = score_stride;
  small_gemm<V>(scores);
  float sums[kAttentionRows];
  for (int64_t i = 0; i < rows; ++i) {
    float* line = a.scratch + i * score_stride;
    sums[i] = exponentials<V>(line, a.tokens, a.scale, line);
  }
  GemmArgs mix;
  mix.m = rows;
  mix.n = a.head_dim;
  mix.k = a.tokens;
  mix.a = a.scratch;
  mix.lda = score_stride;
  mix.b = {image + 2 * channels, 16, 3 * channels};
  mix.c = a.out + row * channels + head * a.head_dim;
  mix.ldc = channels;
  small_gemm<V>(mix);
  // Dividing the few outputs instead of the many scores.
  for (int64_t i = 0; i < rows; ++i) scale_row<V>(mix.c + i * channels, a.head_dim, 1.0f / sums[i]);
}

template <class V>
void attention(const AttentionArgs& a, int64_t head, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; row += kAttentionRows) {
    const int64_t left = row_end - row;
    attention_rows<V>(a, head, row, left < kAttentionRows ? left : kAttentionRows);
  }
}

}  // namespace
}  // namespace vitro::cpu
