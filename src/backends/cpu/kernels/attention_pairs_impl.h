#pragma once

#include "backends/cpu/kernels/attention_impl.h"
#include "backends/cpu/kernels/gemm.h"

// Attention between rows of bfloat16: as between floats, by pairs. Two neighbours of a head's
// channels, then two tokens, are the 32 bits of a lane, which one instruction multiplies and adds.
// Scores, their maximum, exponentials and sums are float32.
namespace vitro::cpu {
namespace {

/// MixTile of pairs of tokens.
struct MixPairsTile {
  const float* weights;    // [pairs of tokens, lanes]
  const float* factors;    // one for each query
  const uint16_t* values;  // rows `stride` apart
  int64_t stride;
  int64_t tokens;
  float* out;              // rows `out_stride` apart, or null
  uint16_t* out_bfloat16;  // instead
  int64_t out_stride;
  int64_t columns;  // valid ones
};

template <class P, int kQueries>
[[gnu::noinline]] void mix_pairs_tile(const MixPairsTile& t) {
  using V = typename P::V;
  using Reg = typename V::Reg;
  alignas(64) static constexpr uint16_t kZeros[kAttentionVectors * V::kWidth] = {};
  int columns[kAttentionVectors];
  for (int v = 0; v < kAttentionVectors; ++v) {
    const int left = static_cast<int>(t.columns) - v * V::kWidth;
    columns[v] = left < 0 ? 0 : left < V::kWidth ? left : V::kWidth;
  }
  const uint16_t* lonely = t.tokens % 2 ? t.values + (t.tokens - 1) * t.stride : nullptr;
  Reg acc[kQueries][kAttentionVectors];
  attention_products<P, kQueries, kAttentionVectors>(
      t.weights, std::integral_constant<int, 1>(), kAttentionLanes<V>, t.values, 2 * t.stride,
      (t.tokens + 1) / 2,
      [&](const uint16_t* p, int v) {
        const uint16_t* second = p == lonely ? kZeros : p + t.stride;
        return P::load_pairs(p + v * V::kWidth, second + v * V::kWidth, columns[v]);
      },
      acc);
#pragma GCC unroll 16
  for (int r = 0; r < kQueries; ++r) {
    const Reg factor = V::set1(t.factors[r]);
#pragma GCC unroll 2
    for (int v = 0; v < kAttentionVectors; ++v) {
      const int64_t at = r * t.out_stride + v * V::kWidth;
      const Reg y = V::mul(acc[r][v], factor);
      if (t.out_bfloat16)
        P::store_rounded(t.out_bfloat16 + at, y, columns[v]);
      else
        V::store_tail(t.out + at, y, V::tail(columns[v]));
    }
  }
}

/// AttentionTiles of pairs.
template <class P>
struct AttentionPairsTiles {
  static constexpr int kMost = P::V::kAttentionRows;
  void (*score[kMost][kAttentionVectors])(const ScoreTile&);
  void (*mix[kMost])(const MixPairsTile&);

  constexpr AttentionPairsTiles() : score{}, mix{} { fill<1>(); }
  template <int kRows>
  constexpr void fill() {
    if constexpr (kRows <= kMost) {
      score[kRows - 1][0] = score_tile<P, kRows, 1>;
      score[kRows - 1][1] = score_tile<P, kRows, 2>;
      mix[kRows - 1] = mix_pairs_tile<P, kRows>;
      fill<kRows + 1>();
    }
  }
};

/// weigh(), whose results are rounded and paired in place; the sums are of those before.
template <class P, class V = typename P::V>
typename V::Reg weigh_pairs(float* scores, int64_t tokens, float scale, typename V::Reg highest) {
  using Reg = typename V::Reg;
  constexpr int64_t kLanes = kAttentionLanes<V>;
  const Reg factor = V::set1(scale * 1.44269504088896341f);
  const Reg shift = V::fnma(factor, highest, V::zero());
  Reg sum = V::zero();
  const auto weight = [&](const float* score) {
    const Reg y = exp2_vec<V>(V::fma(V::load(score), factor, shift));
    sum = V::add(sum, y);
    return y;
  };
  float* pairs = scores;
  for (; tokens > 1; tokens -= 2, scores += 2 * kLanes, pairs += kLanes) {
    const Reg first = weight(scores);
    V::store(pairs, P::pair(first, weight(scores + kLanes)));
  }
  if (tokens > 0) V::store(pairs, P::pair(weight(scores), V::zero()));
  return sum;
}

/// Pairs of channels as floats.
inline const float* as_pairs(const uint16_t* row) { return reinterpret_cast<const float*>(row); }

/// attention_group() of rows of bfloat16.
template <class P>
void attention_pairs_group(const AttentionArgs& a, int64_t head, int64_t row, int64_t count) {
  using V = typename P::V;
  constexpr int64_t kLanes = kAttentionLanes<V>;
  static constexpr AttentionPairsTiles<P> kTiles;
  const int64_t channels = a.heads * a.head_dim, stride = bfloat16_stride(3 * channels);
  const int64_t pairs = a.head_dim / 2;
  const uint16_t* image = a.qkv_bfloat16 + head * a.head_dim;
  float* queries = a.scratch;
  float* scores = queries + kLanes * pairs;
  const int vectors = count > V::kWidth ? 2 : 1;
  pack_queries<V>(as_pairs(image + row * stride), stride / 2, count, pairs, queries);

  alignas(64) float highest[kLanes], factors[kLanes];
  for (float& value : highest) value = -__builtin_inff();
  const RowTiles keys(0, a.tokens, V::kAttentionRows);
  for (int64_t i = 0; i < keys.count; ++i)
    kTiles.score[keys.rows(i) - 1][vectors - 1](
        {as_pairs(image + channels + keys.start(i) * stride), stride / 2, queries, pairs,
         scores + keys.start(i) * kLanes, highest});
  for (int64_t lane = 0; lane < vectors * V::kWidth; lane += V::kWidth)
    V::store(factors + lane,
             weigh_pairs<P>(scores + lane, a.tokens, a.scale, V::load(highest + lane)));
  for (int64_t i = 0; i < count; ++i) factors[i] = 1.0f / factors[i];

  const RowTiles rows(0, count, V::kAttentionRows);
  const int64_t out_stride = a.out_bfloat16 ? bfloat16_stride(channels) : channels;
  for (int64_t column = 0; column < a.head_dim; column += kLanes)
    for (int64_t i = 0; i < rows.count; ++i) {
      const int64_t first = rows.start(i);
      const int64_t at = (row + first) * out_stride + head * a.head_dim + column;
      kTiles.mix[rows.rows(i) - 1]({scores + first, factors + first, image + 2 * channels + column,
                                    stride, a.tokens, a.out ? a.out + at : nullptr,
                                    a.out_bfloat16 ? a.out_bfloat16 + at : nullptr, out_stride,
                                    a.head_dim - column});
    }
}

template <class P>
void attention_pairs(const AttentionArgs& a, int64_t head, int64_t row_begin, int64_t row_end) {
  constexpr int64_t kLanes = kAttentionLanes<typename P::V>;
  for (int64_t row = row_begin; row < row_end; row += kLanes) {
    const int64_t left = row_end - row;
    attention_pairs_group<P>(a, head, row, left < kLanes ? left : kLanes);
  }
}

}  // namespace
}  // namespace vitro::cpu
