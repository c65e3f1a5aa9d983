#pragma once

#include "backends/cpu/kernels/rows_impl.h"
#include "backends/cpu/kernels/softmax.h"

namespace vitro::cpu {
namespace {

/// A map of few columns, several of its rows in a register: each lane is of one column.
template <class V>
struct PackedMap {
  using Reg = typename V::Reg;

  /// Rows of a register.
  static int64_t rows_of(int64_t num_columns) { return V::kWidth / num_columns; }

  PackedMap(int64_t rows, int64_t num_columns)
      : columns(num_columns),
        count(rows * num_columns),
        step(static_cast<int>(rows_of(num_columns) * num_columns)),
        mask(V::tail(step)) {}

  /// Calls f(offset, lanes) for each register.
  template <class F>
  void for_each_register(F f) const {
    int64_t i = 0;
    for (; i + step <= count; i += step) f(i, mask);
    if (i < count) f(i, V::tail(static_cast<int>(count - i)));
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
  typename V::Mask mask;
};

template <class V>
void softmax_packed(const float* x, const PackedMap<V>& map, float* dst) {
  using Reg = typename V::Reg;
  using Mask = typename V::Mask;
  constexpr float kLog2E = 1.44269504088896341f;  // in base 2, as the rows are
  const Reg factor = V::set1(kLog2E), lowest = V::set1(-__builtin_inff());
  Reg highest = lowest;
  map.for_each_register([&](int64_t i, Mask lanes) {
    highest = V::max(V::select(lanes, V::load_tail(x + i, lanes), lowest), highest);
  });
  const Reg shift = map.of_columns(
      highest, [](float a, float b) { return a > b ? a : b; }, [](float a) { return -kLog2E * a; });
  Reg sum = V::zero();
  map.for_each_register([&](int64_t i, Mask lanes) {
    const Reg y = exp2_vec<V>(V::fma(V::load_tail(x + i, lanes), factor, shift));
    sum = V::add(sum, V::select(lanes, y, V::zero()));
    V::store_tail(dst + i, y, lanes);
  });
  const Reg scale = map.of_columns(
      sum, [](float a, float b) { return a + b; }, [](float a) { return 1.0f / a; });
  map.for_each_register([&](int64_t i, Mask lanes) {
    V::store_tail(dst + i, V::mul(V::load_tail(dst + i, lanes), scale), lanes);
  });
}

template <class V>
void softmax_maps(const SoftmaxArgs& a, int64_t rows, int64_t map_begin, int64_t map_end) {
  const int64_t size = rows * a.columns;
  const bool packs = a.columns > 0 && PackedMap<V>::rows_of(a.columns) > 1;
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
