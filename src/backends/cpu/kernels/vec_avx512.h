#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels/transpose_x86.h"

// Everything here has internal linkage: code compiled for AVX-512 must never be the copy that the
// linker keeps for the other instruction sets.
namespace vitro::cpu {
namespace {

/// Sixteen floats in a zmm register.
struct VecAvx512 : VecX86 {
  using Reg = __m512;
  using Mask = __mmask16;
  static constexpr int kWidth = 16;
  /// 6 x 64 outputs: 24 accumulators, 4 registers of B and the broadcasts. Ten loads feed 24
  /// multiply-adds, the fewest of any shape that fits; 14 x 32 needs sixteen for 28 and its row
  /// addresses spill.
  static constexpr int kGemmRows = 6;
  static constexpr int kGemmPanels = 4;
  static constexpr bool kHasLookup = true;
  static constexpr int kActivationBatch = 1;
  /// Outputs of a depthwise row block: 14 accumulators, 5 taps, inputs streamed.
  static constexpr int kDepthwiseBlock = 14;
  /// Rows by two registers in a tile of attention: 24 accumulators, 2 registers, one broadcast.
  static constexpr int kAttentionRows = 12;
  /// Results side by side of a direct convolution: 14 accumulators, 3 taps, inputs streamed.
  static constexpr int kDirectConvBlock = 14;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg set1(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static Reg load_bfloat16(const uint16_t* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static void store(float* p, Reg a) { _mm512_storeu_ps(p, a); }
  /// The first n lanes, n clamped to [0, 16].
  static Mask tail(int n) {
    if (n >= 16) return 0xffff;
    return n <= 0 ? Mask(0) : static_cast<Mask>((1u << n) - 1);
  }
  static Reg load_tail(const float* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
  static void store_tail(float* p, Reg a, Mask m) { _mm512_mask_storeu_ps(p, m, a); }
  static Reg select(Mask m, Reg a, Reg b) { return _mm512_mask_blend_ps(m, b, a); }
  /// a in the lanes where x has its sign bit set, else b.
  static Reg select_negative(Reg x, Reg a, Reg b) {
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), b, a);
  }
  /// a in the lanes where a is NaN, else b.
  static Reg keep_nan(Reg a, Reg b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), b, a);
  }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg fma_once(Reg a, Reg b, Reg c) { return fma(a, b, c); }
  static Reg fms(Reg a, Reg b, Reg c) { return _mm512_fmsub_ps(a, b, c); }
  static Reg fnma(Reg a, Reg b, Reg c) { return _mm512_fnmadd_ps(a, b, c); }
  /// b when either is NaN.
  static Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static Reg abs(Reg a) { return _mm512_abs_ps(a); }
  static Reg sqrt(Reg a) { return _mm512_sqrt_ps(a); }
  static Reg round(Reg a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// Of each kGroup lanes, lane kChannel.
  template <int kGroup, int kChannel>
  static Reg spread(Reg a) {
    static_assert(kGroup == 4 || kGroup == 8);
    if constexpr (kGroup == 4) return _mm512_permute_ps(a, kChannel * 0x55);
    const __m512i first = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
    return _mm512_permutexvar_ps(_mm512_add_epi32(first, _mm512_set1_epi32(kChannel)), a);
  }
  /// table[low four bits of each lane of index].
  static Reg lookup(Reg table, Reg index) {
    return _mm512_permutexvar_ps(_mm512_castps_si512(index), table);
  }
  /// a * 2^n for an integral n; gradual underflow, overflow to infinity.
  static Reg scale_pow2(Reg a, Reg n) { return _mm512_scalef_ps(a, n); }
  static Reg scale_near_one(Reg a, Reg n) { return _mm512_scalef_ps(a, n); }
  /// 64 codes, clamp(round(y), 0, 255). The conversion makes NaN and what is too small the least
  /// integer, and packing saturates.
  static constexpr int kCodeRegs = 4;
  static void store_codes(uint8_t* p, const Reg (&y)[kCodeRegs]) {
    _mm512_storeu_si512(p, codes(y));
  }
  /// The first n of them.
  static void store_codes_tail(uint8_t* p, const Reg (&y)[kCodeRegs], int n) {
    _mm512_mask_storeu_epi8(p, (uint64_t{1} << n) - 1, codes(y));
  }
  static __m512i codes(const Reg (&y)[kCodeRegs]) {
    __m512i q[kCodeRegs];
#pragma GCC unroll 4
    for (int i = 0; i < kCodeRegs; ++i) q[i] = _mm512_cvtps_epi32(min(set1(255.0f), y[i]));
    const __m512i packed =
        _mm512_packus_epi16(_mm512_packus_epi32(q[0], q[1]), _mm512_packus_epi32(q[2], q[3]));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, packed);
  }
  static float sum(Reg a) { return _mm512_reduce_add_ps(a); }
  static float highest(Reg a) { return _mm512_reduce_max_ps(a); }
};

}  // namespace
}  // namespace vitro::cpu
