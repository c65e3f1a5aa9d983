#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vitro::cpu {
namespace {

/// Four floats in the compiler's own vector type, without any intrinsic: SSE2 or NEON where the
/// baseline of the target has it, scalar code elsewhere. Multiply and add round separately.
struct VecScalar {
  typedef float Reg __attribute__((vector_size(16)));
  typedef int32_t Int __attribute__((vector_size(16)));
  using Mask = int;  // number of leading lanes
  static constexpr int kWidth = 4;
  static constexpr int kGemmRows = 2;
  static constexpr int kGemmPanels = 1;
  static constexpr bool kHasLookup = false;
  /// Registers of an activation that are computed by turns.
  static constexpr int kActivationBatch = 1;
  static constexpr int kDepthwiseBlock = 6;
  static constexpr int kAttentionRows = 3;
  static constexpr int kDirectConvBlock = 8;

  static Reg zero() { return Reg{0, 0, 0, 0}; }
  static Reg set1(float x) { return Reg{x, x, x, x}; }
  static Reg load(const float* p) {
    Reg a;
    std::memcpy(&a, p, sizeof(a));
    return a;
  }
  static Reg load_bfloat16(const uint16_t* p) {
    return reinterpret_cast<Reg>(Int{p[0], p[1], p[2], p[3]} << 16);
  }
  static void store(float* p, Reg a) { std::memcpy(p, &a, sizeof(a)); }
  static Mask tail(int n) { return n > 4 ? 4 : n; }
  static Reg load_tail(const float* p, Mask m) {
    Reg a = zero();
    for (int i = 0; i < m; ++i) a[i] = p[i];
    return a;
  }
  static void store_tail(float* p, Reg a, Mask m) {
    for (int i = 0; i < m; ++i) p[i] = a[i];
  }
  static Reg select(Mask m, Reg a, Reg b) {
    const Int lane = {0, 1, 2, 3};
    return lane < m ? a : b;
  }
  /// a in the lanes where x has its sign bit set, else b.
  static Reg select_negative(Reg x, Reg a, Reg b) { return reinterpret_cast<Int>(x) < 0 ? a : b; }
  /// a in the lanes where a is NaN, else b.
  static Reg keep_nan(Reg a, Reg b) { return a == a ? b : a; }
  static Reg add(Reg a, Reg b) { return a + b; }
  static Reg sub(Reg a, Reg b) { return a - b; }
  static Reg mul(Reg a, Reg b) { return a * b; }
  static Reg div(Reg a, Reg b) { return a / b; }
  static Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  /// Rounded once, as the other instruction sets do it.
  static Reg fma_once(Reg a, Reg b, Reg c) {
    for (int i = 0; i < kWidth; ++i) a[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return a;
  }
  static Reg fnma(Reg a, Reg b, Reg c) { return c - a * b; }
  /// b when either is NaN.
  static Reg max(Reg a, Reg b) { return a > b ? a : b; }
  static Reg min(Reg a, Reg b) { return a < b ? a : b; }
  static Reg abs(Reg a) { return reinterpret_cast<Reg>(reinterpret_cast<Int>(a) & 0x7fffffff); }
  static Reg sqrt(Reg a) {
    for (int i = 0; i < kWidth; ++i) a[i] = __builtin_sqrtf(a[i]);
    return a;
  }
  /// For |a| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
  static Reg round(Reg a) { return (a + 12582912.0f) - 12582912.0f; }
  /// Four codes, clamp(round(y), 0, 255); NaN is 0.
  static constexpr int kCodeRegs = 1;
  static void store_codes(uint8_t* p, const Reg (&y)[kCodeRegs]) {
    const Reg clamped = max(min(set1(255.0f), y[0]), zero());
    const Int codes = __builtin_convertvector(round(clamped), Int);
    for (int i = 0; i < kWidth; ++i) p[i] = static_cast<uint8_t>(codes[i]);
  }
  /// The first n of them.
  static void store_codes_tail(uint8_t* p, const Reg (&y)[kCodeRegs], int n) {
    uint8_t codes[kCodeRegs * kWidth];
    store_codes(codes, y);
    std::memcpy(p, codes, static_cast<size_t>(n));
  }
  static Reg pow2(Int n) { return reinterpret_cast<Reg>((n + 127) << 23); }
  /// a * 2^n for an integral n; in two halves, because the exponent field alone cannot express
  /// 2^128 or a denormal.
  static Reg scale_pow2(Reg a, Reg n) {
    // A NaN has no integer: any will do, since a is NaN as well.
    const Int whole = __builtin_convertvector(n == n ? n : zero(), Int);
    const Int half = whole >> 1;
    return a * pow2(half) * pow2(whole - half);
  }
  /// The same where a is near 1 and n and the result are exponents of normal numbers, or a is NaN.
  static Reg scale_near_one(Reg a, Reg n) {
    const Int whole = __builtin_convertvector(n == n ? n : zero(), Int);
    return reinterpret_cast<Reg>(reinterpret_cast<Int>(a) + (whole << 23));
  }
  /// Four rows of `count` floats become four columns of dst, whose rows are written in order,
  /// dst_stride apart.
  static void transpose4(const float* const (&rows)[4], int64_t count, float* dst,
                         int64_t dst_stride) {
    for (int64_t i = 0; i < count; ++i)
      for (int j = 0; j < 4; ++j) dst[i * dst_stride + j] = rows[j][i];
  }
  static float sum(Reg a) { return (a[0] + a[2]) + (a[1] + a[3]); }
  static float highest(Reg a) {
    float best = a[0];
    for (int i = 1; i < 4; ++i) best = a[i] > best ? a[i] : best;
    return best;
  }
};

}  // namespace
}  // namespace vitro::cpu
