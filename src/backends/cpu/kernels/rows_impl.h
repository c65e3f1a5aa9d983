#pragma once

#include "backends/cpu/kernels/math_impl.h"
#include "backends/cpu/kernels/norm_impl.h"
#include "backends/cpu/kernels/rows.h"

namespace vitro::cpu {
namespace {

/// Calls f(offset, load, store) for each vector of [begin, end), the last one masked.
template <class V, class F>
void for_each_vector(int64_t begin, int64_t end, F f) {
  using Reg = typename V::Reg;
  int64_t i = begin;
  for (; i + V::kWidth <= end; i += V::kWidth)
    f(
        i, [](const float* p) { return V::load(p); }, [](float* p, Reg v) { V::store(p, v); });
  if (i < end) {
    const auto mask = V::tail(static_cast<int>(end - i));
    f(
        i, [mask](const float* p) { return V::load_tail(p, mask); },
        [mask](float* p, Reg v) { V::store_tail(p, v, mask); });
  }
}

template <class V>
void weighted_sum(const WeightedTerm* terms, int64_t num_terms, int64_t count, float* dst) {
  for_each_vector<V>(0, count, [&](int64_t i, auto load, auto store) {
    auto sum = V::zero();
    for (int64_t t = 0; t < num_terms; ++t)
      sum = V::fma(V::set1(terms[t].weight), load(terms[t].src + i), sum);
    store(dst + i, sum);
  });
}

template <class V>
void layer_norm_rows(const LayerNormArgs& a, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row)
    normalise_row<V>(a.x + row * a.channels, a.channels, a.eps, a.gamma, a.beta,
                     a.dst + row * a.channels);
}

template <class V>
void channel_norm_rows(const ChannelNormArgs& a, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* x = a.x + row * a.channels;
    float* dst = a.dst + row * a.channels;
    for_each_vector<V>(0, a.channels, [&](int64_t i, auto load, auto store) {
      const auto centred = V::sub(load(x + i), load(a.centre + i));
      store(dst + i, V::fma(centred, load(a.scale + i), load(a.shift + i)));
    });
  }
}

/// The greatest of `count` >= 1 values.
template <class V>
float row_max(const float* x, int64_t count) {
  using Reg = typename V::Reg;
  constexpr int kChains = 4;
  const Reg lowest = V::set1(-__builtin_inff());
  Reg best[kChains] = {lowest, lowest, lowest, lowest};
  int64_t i = 0;
  for (; i + kChains * V::kWidth <= count; i += kChains * V::kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j) best[j] = V::max(V::load(x + i + j * V::kWidth), best[j]);
  }
  for (; i + V::kWidth <= count; i += V::kWidth) best[0] = V::max(V::load(x + i), best[0]);
  if (i < count) {
    const auto mask = V::tail(static_cast<int>(count - i));
    best[1] = V::max(V::select(mask, V::load_tail(x + i, mask), lowest), best[1]);
  }
  return V::highest(V::max(V::max(best[0], best[1]), V::max(best[2], best[3])));
}

/// dst = e^(x - max); returns the sum. In base 2: the exponent is one multiply-add, whose rounding
/// of max is a factor common to the row.
template <class V>
float exponentials(const float* x, int64_t count, float* dst) {
  using Reg = typename V::Reg;
  constexpr float kLog2E = 1.44269504088896341f;
  const Reg factor = V::set1(kLog2E);
  const Reg shift = V::set1(-kLog2E * row_max<V>(x, count));
  Reg sum = V::zero();
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) {
    const Reg y = exp2_vec<V>(V::fma(V::load(x + i), factor, shift));
    sum = V::add(sum, y);
    V::store(dst + i, y);
  }
  if (i < count) {
    const auto mask = V::tail(static_cast<int>(count - i));
    const Reg y = exp2_vec<V>(V::fma(V::load_tail(x + i, mask), factor, shift));
    sum = V::add(sum, V::select(mask, y, V::zero()));
    V::store_tail(dst + i, y, mask);
  }
  return V::sum(sum);
}

template <class V>
void scale_row(float* x, int64_t count, float factor) {
  const auto f = V::set1(factor);
  for_each_vector<V>(
      0, count, [&](int64_t i, auto load, auto store) { store(x + i, V::mul(load(x + i), f)); });
}

template <class V>
void softmax_rows(const SoftmaxArgs& a, int64_t row_begin, int64_t row_end) {
  if (a.columns == 0) return;
  for (int64_t row = row_begin; row < row_end; ++row) {
    float* dst = a.dst + row * a.columns;
    const float sum = exponentials<V>(a.x + row * a.columns, a.columns, dst);
    scale_row<V>(dst, a.columns, 1.0f / sum);
  }
}

template <class V>
void softmax_columns(const SoftmaxArgs& a, int64_t rows, int64_t begin, int64_t end) {
  const auto factor = V::set1(1.44269504088896341f);  // in base 2, as the rows are
  for_each_vector<V>(begin, end, [&](int64_t i, auto load, auto store) {
    auto highest = load(a.x + i);
    for (int64_t r = 1; r < rows; ++r) highest = V::max(load(a.x + r * a.columns + i), highest);
    const auto shift = V::fnma(factor, highest, V::zero());
    auto sum = V::zero();
    for (int64_t r = 0; r < rows; ++r) {
      const auto y = exp2_vec<V>(V::fma(load(a.x + r * a.columns + i), factor, shift));
      sum = V::add(sum, y);
      store(a.dst + r * a.columns + i, y);
    }
    const auto scale = V::div(V::set1(1.0f), sum);
    for (int64_t r = 0; r < rows; ++r) {
      float* dst = a.dst + r * a.columns + i;
      store(dst, V::mul(load(dst), scale));
    }
  });
}

template <class V, BinaryKind kKind>
typename V::Reg binary_vec(typename V::Reg x, typename V::Reg y) {
  switch (kKind) {
    case BinaryKind::Add:
      return V::add(x, y);
    case BinaryKind::Sub:
      return V::sub(x, y);
    case BinaryKind::Mul:
      return V::mul(x, y);
    case BinaryKind::Div:
      return V::div(x, y);
    case BinaryKind::Min:
      return V::keep_nan(x, V::min(x, y));
    case BinaryKind::Max:
      return V::keep_nan(x, V::max(x, y));
  }
}

template <class V, BinaryKind kKind>
void binary_range(const BinaryArgs& a) {
  if (a.y_step == 0) {
    const auto y = V::set1(*a.y);
    for_each_vector<V>(0, a.count, [&](int64_t i, auto load, auto store) {
      store(a.dst + i, binary_vec<V, kKind>(load(a.x + i), y));
    });
  } else if (a.x_step == 0) {
    const auto x = V::set1(*a.x);
    for_each_vector<V>(0, a.count, [&](int64_t i, auto load, auto store) {
      store(a.dst + i, binary_vec<V, kKind>(x, load(a.y + i)));
    });
  } else {
    for_each_vector<V>(0, a.count, [&](int64_t i, auto load, auto store) {
      store(a.dst + i, binary_vec<V, kKind>(load(a.x + i), load(a.y + i)));
    });
  }
}

template <class V>
void transpose_matrix(const float* src, int64_t rows, int64_t columns, int64_t lds, float* dst,
                      int64_t ldd) {
  // Columns of src that are written while their cache lines of dst are near.
  constexpr int64_t kColumns = 64;
  for (int64_t begin = 0; begin < columns; begin += kColumns) {
    const int64_t count = columns - begin < kColumns ? columns - begin : kColumns;
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
      const float* first = src + row * lds + begin;
      const float* const four[4] = {first, first + lds, first + 2 * lds, first + 3 * lds};
      V::transpose4(four, count, dst + begin * ldd + row, ldd);
    }
    for (; row < rows; ++row)
      for (int64_t i = begin; i < begin + count; ++i) dst[i * ldd + row] = src[row * lds + i];
  }
}

}  // namespace
}  // namespace vitro::cpu
