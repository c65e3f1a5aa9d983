#pragma once

#include <type_traits>

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/math_impl.h"
#include "backends/cpu/kernels/row_tiles.h"

// Queries lie in the lanes of registers and keys in rows: the maximum and the sum of a softmax are
// then lane by lane, keys and values are read where the product left them, and no number of keys
// leaves a tail. The scores of one group of queries stay in the first-level cache.
namespace vitro::cpu {
namespace {

/// Registers of queries, and of values, in one tile.
constexpr int kAttentionVectors = 2;

/// Queries of one group, the row stride of its transposed queries and of its scores.
template <class V>
constexpr int64_t kAttentionLanes = kAttentionVectors* V::kWidth;

/// How lanes are multiplied: one float by another.
template <class Vector>
struct FloatLanes {
  using V = Vector;
  using Reg = typename V::Reg;
  static Reg dot(Reg x, Reg y, Reg sum) { return V::fma(x, y, sum); }
};

/// acc[r][v] = sum over i < steps of a[r * a_row + i * a_step] times lanes of b + i * b_step, in
/// order. `load(p, v)` reads vector v of these. P multiplies; a pair of bfloat16 is a float here.
template <class P, int kRows, int kVectors, class RowStride, class T, class Load,
          class V = typename P::V>
inline void attention_products(const float* a, RowStride a_row, int64_t a_step, const T* b,
                               int64_t b_step, int64_t steps, Load load,
                               typename V::Reg (&acc)[kRows][kVectors]) {
  using Reg = typename V::Reg;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[r][v] = V::zero();
  for (int64_t i = 0; i < steps; ++i, a += a_step, b += b_step) {
    Reg row[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) row[v] = load(b, v);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Reg x = V::set1(a[r * a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[r][v] = P::dot(x, row[v], acc[r][v]);
    }
  }
}

/// Keys of one tile against a group of queries.
struct ScoreTile {
  const float* keys;  // rows `stride` apart
  int64_t stride;
  const float* queries;  // [head_dim, lanes]
  int64_t head_dim;
  float* scores;   // [keys, lanes]
  float* highest;  // [lanes], of the keys so far
};

template <class P, int kKeys, int kVectors, class V = typename P::V>
[[gnu::noinline]] void score_tile(const ScoreTile& t) {
  using Reg = typename V::Reg;
  constexpr int64_t kLanes = kAttentionLanes<V>;
  Reg acc[kKeys][kVectors];
  attention_products<P, kKeys, kVectors>(
      t.keys, t.stride, 1, t.queries, kLanes, t.head_dim,
      [](const float* p, int v) { return V::load(p + v * V::kWidth); }, acc);
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    Reg highest = V::load(t.highest + v * V::kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < kKeys; ++r) {
      highest = V::max(acc[r][v], highest);
      V::store(t.scores + r * kLanes + v * V::kWidth, acc[r][v]);
    }
    V::store(t.highest + v * V::kWidth, highest);
  }
}

/// A few queries' weighted sums of all values.
struct MixTile {
  const float* weights;  // [tokens, lanes]
  const float* factors;  // one for each query
  const float* values;   // rows `stride` apart
  int64_t stride;
  int64_t tokens;
  float* out;  // rows `out_stride` apart
  int64_t out_stride;
  int64_t columns;  // valid ones, below two registers in a tail only
};

template <class V, int kQueries, bool kTail>
[[gnu::noinline]] void mix_tile(const MixTile& t) {
  using Reg = typename V::Reg;
  typename V::Mask masks[kAttentionVectors];
  for (int v = 0; v < kAttentionVectors; ++v)
    masks[v] = V::tail(static_cast<int>(t.columns) - v * V::kWidth);
  Reg acc[kQueries][kAttentionVectors];
  attention_products<FloatLanes<V>, kQueries, kAttentionVectors>(
      t.weights, std::integral_constant<int, 1>(), kAttentionLanes<V>, t.values, t.stride, t.tokens,
      [&](const float* p, int v) {
        if constexpr (kTail)
          return V::load_tail(p + v * V::kWidth, masks[v]);
        else
          return V::load(p + v * V::kWidth);
      },
      acc);
#pragma GCC unroll 16
  for (int r = 0; r < kQueries; ++r) {
    const Reg factor = V::set1(t.factors[r]);
#pragma GCC unroll 2
    for (int v = 0; v < kAttentionVectors; ++v) {
      float* dst = t.out + r * t.out_stride + v * V::kWidth;
      if constexpr (kTail)
        V::store_tail(dst, V::mul(acc[r][v], factor), masks[v]);
      else
        V::store(dst, V::mul(acc[r][v], factor));
    }
  }
}

/// The tiles by height and by registers of queries, or by whether columns are masked.
template <class V>
struct AttentionTiles {
  void (*score[V::kAttentionRows][kAttentionVectors])(const ScoreTile&);
  void (*mix[V::kAttentionRows][2])(const MixTile&);

  constexpr AttentionTiles() : score{}, mix{} { fill<1>(); }
  template <int kRows>
  constexpr void fill() {
    if constexpr (kRows <= V::kAttentionRows) {
      score[kRows - 1][0] = score_tile<FloatLanes<V>, kRows, 1>;
      score[kRows - 1][1] = score_tile<FloatLanes<V>, kRows, 2>;
      mix[kRows - 1][0] = mix_tile<V, kRows, false>;
      mix[kRows - 1][1] = mix_tile<V, kRows, true>;
      fill<kRows + 1>();
    }
  }
};
template <class V>
inline constexpr AttentionTiles<V> kAttentionTiles;

/// Queries, rows `stride` apart, into the columns of dst [head_dim, lanes]; zeros in lanes without.
template <class V>
void pack_queries(const float* queries, int64_t stride, int64_t count, int64_t head_dim,
                  float* dst) {
  constexpr int64_t kLanes = kAttentionLanes<V>;
  int64_t done = 0;
  for (; done + 4 <= count; done += 4) {
    const float* first = queries + done * stride;
    const float* const rows[4] = {first, first + stride, first + 2 * stride, first + 3 * stride};
    V::transpose4(rows, head_dim, dst + done, kLanes);
  }
  for (; done < kLanes; ++done)
    for (int64_t i = 0; i < head_dim; ++i)
      dst[i * kLanes + done] = done < count ? queries[done * stride + i] : 0.0f;
}

/// scores = e^(scale * (scores - highest)) of one register of queries; returns their sums. In base
/// 2: the exponent is one multiply-add, whose rounding of scale * highest is a factor common to the
/// query.
template <class V>
typename V::Reg weigh(float* scores, int64_t tokens, float scale, typename V::Reg highest) {
  using Reg = typename V::Reg;
  const Reg factor = V::set1(scale * 1.44269504088896341f);
  const Reg shift = V::fnma(factor, highest, V::zero());
  Reg sum = V::zero();
  for (int64_t i = 0; i < tokens; ++i, scores += kAttentionLanes<V>) {
    const Reg y = exp2_vec<V>(V::fma(V::load(scores), factor, shift));
    V::store(scores, y);
    sum = V::add(sum, y);
  }
  return sum;
}

/// Queries [row, row + count) of one head, at most kAttentionLanes of them.
template <class V>
void attention_group(const AttentionArgs& a, int64_t head, int64_t row, int64_t count) {
  constexpr int64_t kLanes = kAttentionLanes<V>;
  const AttentionTiles<V>& tiles = kAttentionTiles<V>;
  const int64_t channels = a.heads * a.head_dim, stride = 3 * channels;
  const float* image = a.qkv + head * a.head_dim;
  float* queries = a.scratch;
  float* scores = queries + kLanes * a.head_dim;
  const int vectors = count > V::kWidth ? 2 : 1;
  pack_queries<V>(image + row * stride, stride, count, a.head_dim, queries);

  alignas(64) float highest[kLanes], factors[kLanes];
  for (float& value : highest) value = -__builtin_inff();
  const RowTiles keys(0, a.tokens, V::kAttentionRows);
  for (int64_t i = 0; i < keys.count; ++i)
    tiles.score[keys.rows(i) - 1][vectors - 1]({image + channels + keys.start(i) * stride, stride,
                                                queries, a.head_dim,
                                                scores + keys.start(i) * kLanes, highest});
  for (int64_t lane = 0; lane < vectors * V::kWidth; lane += V::kWidth)
    V::store(factors + lane, weigh<V>(scores + lane, a.tokens, a.scale, V::load(highest + lane)));
  // Dividing the few outputs instead of the many weights.
  for (int64_t i = 0; i < count; ++i) factors[i] = 1.0f / factors[i];

  const RowTiles rows(0, count, V::kAttentionRows);
  for (int64_t column = 0; column < a.head_dim; column += kLanes) {
    const int64_t columns = a.head_dim - column;
    for (int64_t i = 0; i < rows.count; ++i) {
      const int64_t first = rows.start(i);
      tiles.mix[rows.rows(i) - 1][columns < kLanes](
          {scores + first, factors + first, image + 2 * channels + column, stride, a.tokens,
           a.out + (row + first) * channels + head * a.head_dim + column, channels, columns});
    }
  }
}

template <class V>
void attention(const AttentionArgs& a, int64_t head, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; row += kAttentionLanes<V>) {
    const int64_t left = row_end - row;
    attention_group<V>(a, head, row, left < kAttentionLanes<V> ? left : kAttentionLanes<V>);
  }
}

}  // namespace
}  // namespace vitro::cpu
