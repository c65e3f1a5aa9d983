#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vitro::cpu {
namespace {

/// Four floats in plain C++: the compiler turns the loops into whatever the baseline machine has.
struct VecScalar {
  struct Reg {
    float lane[4];
  };
  using Mask = int;  // number of leading lanes
  static constexpr int kWidth = 4;
  static constexpr int kGemmRows = 2;
  static constexpr int kGemmPanels = 1;
  static constexpr bool kHasLookup = false;
  static constexpr int kDepthwiseBlock = 4;

  template <class F>
  static Reg make(F f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  static Reg zero() { return {{0, 0, 0, 0}}; }
  static Reg set1(float x) { return {{x, x, x, x}}; }
  static Reg load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static void store(float* p, Reg a) { std::memcpy(p, a.lane, sizeof(a.lane)); }
  static Mask tail(int n) { return n > 4 ? 4 : n; }
  static Reg load_tail(const float* p, Mask m) {
    return make([&](int i) { return i < m ? p[i] : 0.0f; });
  }
  static void store_tail(float* p, Reg a, Mask m) {
    for (int i = 0; i < m; ++i) p[i] = a.lane[i];
  }
  static Reg select(Mask m, Reg a, Reg b) {
    return make([&](int i) { return i < m ? a.lane[i] : b.lane[i]; });
  }
  static Reg add(Reg a, Reg b) {
    return make([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Reg sub(Reg a, Reg b) {
    return make([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Reg mul(Reg a, Reg b) {
    return make([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Reg fma(Reg a, Reg b, Reg c) {
    return make([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  static Reg fnma(Reg a, Reg b, Reg c) {
    return make([&](int i) { return c.lane[i] - a.lane[i] * b.lane[i]; });
  }
  static Reg max(Reg a, Reg b) {
    return make([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Reg min(Reg a, Reg b) {
    return make([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Reg abs(Reg a) {
    return make([&](int i) { return std::fabs(a.lane[i]); });
  }
  static Reg round(Reg a) {
    return make([&](int i) { return std::nearbyintf(a.lane[i]); });
  }
  static Reg scale_pow2(Reg a, Reg n) {
    return make([&](int i) {
      // A NaN converts to no particular integer; the product stays NaN because a is NaN too.
      return std::isnan(n.lane[i]) ? a.lane[i] : std::ldexp(a.lane[i], static_cast<int>(n.lane[i]));
    });
  }
  /// Four rows of `count` floats become four columns of dst, whose rows are written in order,
  /// dst_stride apart.
  static void transpose4(const float* const (&rows)[4], int64_t count, float* dst,
                         int64_t dst_stride) {
    for (int64_t i = 0; i < count; ++i)
      for (int j = 0; j < 4; ++j) dst[i * dst_stride + j] = rows[j][i];
  }
  static float sum(Reg a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }
  static float highest(Reg a) {
    float best = a.lane[0];
    for (int i = 1; i < 4; ++i) best = a.lane[i] > best ? a.lane[i] : best;
    return best;
  }
};

}  // namespace
}  // namespace vitro::cpu
