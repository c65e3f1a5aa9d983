#pragma once

#include "backends/cpu/kernels/rows_impl.h"
#include "backends/cpu/kernels/softmax.h"

namespace vitro::cpu {
namespace {

/// A map of few columns, one or more of its rows in a register: each lane is of one column. Where
/// they do not fill it, lanes behind them hold what is of no column and must not be used.
template <class V>
struct PackedMap {
  using Reg = typename V::Reg;
  using Mask = typename V::Mask;

  PackedMap(int64_t rows, int64_t num_columns)
      : columns(num_columns),
        count(rows * num_columns),
        step(static_cast<int>(V::kWidth / num_columns * num_columns)) {}

  /// Calls f(lanes, mask) for each register, the last ones with their mask.
  template <class F>
  void read(const float* src, F f) const {
    int64_t i = 0;
    for (; i + V::kWidth <= count; i += step) f(V::load(src + i), V::tail(V::kWidth));
    for (; i < count; i += step) {
      const Mask mask = rest(i);
      f(V::load_tail(src + i, mask), mask);
    }
  }

  /// dst = f(lanes, mask) of each register; dst may be src. Registers are stored whole and lanes
  /// behind the rows written again by the next one, which has been read before: a load waits for a
  /// masked store that ends within it.
  template <class F>
  void transform(const float* src, float* dst, F f) const {
    int64_t i = 0;
    if (count >= V::kWidth) {
      Reg next = V::load(src);
      for (; i + step + V::kWidth <= count; i += step) {
        const Reg x = next;
        next = V::load(src + i + step);
        V::store(dst + i, f(x, V::tail(V::kWidth)));
      }
      V::store_tail(dst + i, f(next, V::tail(step)), V::tail(step));
      i += step;
    }
    for (; i < count; i += step) {
      const Mask mask = rest(i);
      V::store_tail(dst + i, f(V::load_tail(src + i, mask), mask), mask);
    }
  }

  /// The lanes of the register at i, one of the last.
  Mask rest(int64_t i) const {
    return V::tail(static_cast<int>(count - i < step ? count - i : step));
  }

  /// What f makes of the lanes of each column, and then g of that, in all of these lanes.
  template <class F, class G>
  Reg of_columns(Reg parts, F f, G g) const {
    float lanes[V::kWidth];
    V::store(lanes, parts);
    for (int64_t c = 0; c < columns; ++c) {
      float all = lanes[c];
      for (int64_t i = c + columns; i < step; i += columns) all = f(all, lanes[i]);
      all = g(all);
      for (int64_t i = c; i < step; i += columns) lanes[i] = all;
    }
    return V::load(lanes);
  }

  int64_t columns, count;
  int step;
};

template <class V>
void softmax_packed(const float* x, const PackedMap<V>& map, float* dst) {
  using Reg = typename V::Reg;
  using Mask = typename V::Mask;
  constexpr float kLog2E = 1.44269504088896341f;  // in base 2, as the rows are
  const Reg factor = V::set1(kLog2E), lowest = V::set1(-__builtin_inff());
  Reg highest = lowest;
  map.read(
      x, [&](Reg lanes, Mask mask) { highest = V::max(V::select(mask, lanes, lowest), highest); });
  const Reg shift = map.of_columns(
      highest, [](float a, float b) { return a > b ? a : b; }, [](float a) { return -kLog2E * a; });
  Reg sum = V::zero();
  map.transform(x, dst, [&](Reg lanes, Mask mask) {
    const Reg y = exp2_vec<V>(V::fma(lanes, factor, shift));
    sum = V::add(sum, V::select(mask, y, V::zero()));
    return y;
  });
  const Reg scale = map.of_columns(
      sum, [](float a, float b) { return a + b; }, [](float a) { return 1.0f / a; });
  map.transform(dst, dst, [&](Reg lanes, Mask) { return V::mul(lanes, scale); });
}

template <class V>
void softmax_maps(const SoftmaxArgs& a, int64_t rows, int64_t map_begin, int64_t map_end) {
  const int64_t size = rows * a.columns;
  const bool packs = a.columns > 0 && a.columns < V::kWidth;
  for (int64_t i = map_begin; i < map_end; ++i) {
    if (packs) {
      softmax_packed(a.x + i * size, PackedMap<V>(rows, a.columns), a.dst + i * size);
    } else {
      softmax_columns<V>({a.x + i * size, a.dst + i * size, a.columns}, rows, 0, a.columns);
    }
  }
}

}  // namespace
}  // namespace vitro::cpu
