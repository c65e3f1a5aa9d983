#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backends/cpu/kernels/transpose_x86.h"

// Internal linkage throughout, see vec_avx512.h.
namespace vitro::cpu {
namespace {

/// Eight floats in a ymm register.
struct VecAvx2 : VecX86 {
  using Reg = __m256;
  using Mask = __m256i;
  static constexpr int kWidth = 8;
  /// 6 x 16 outputs: 12 accumulators, 2 registers of B and 2 broadcasts fill the 16 registers.
  static constexpr int kGemmRows = 6;
  static constexpr int kGemmPanels = 1;
  static constexpr bool kHasLookup = false;
  static constexpr int kActivationBatch = 4;
  static constexpr int kDepthwiseBlock = 8;
  static constexpr int kAttentionRows = 6;
  /// Results side by side of a direct convolution: 12 accumulators, 3 taps and one input.
  static constexpr int kDirectConvBlock = 12;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg set1(float x) { return _mm256_set1_ps(x); }
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static Reg load_bfloat16(const uint16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static void store(float* p, Reg a) { _mm256_storeu_ps(p, a); }
  static Mask tail(int n) {
    const Mask lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
  }
  static Reg load_tail(const float* p, Mask m) { return _mm256_maskload_ps(p, m); }
  static void store_tail(float* p, Reg a, Mask m) { _mm256_maskstore_ps(p, m, a); }
  /// Of each kGroup lanes, lane kChannel.
  template <int kGroup, int kChannel>
  static Reg spread(Reg a) {
    static_assert(kGroup == 4);
    return _mm256_permute_ps(a, kChannel * 0x55);
  }
  static Reg select(Mask m, Reg a, Reg b) { return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(m)); }
  /// a in the lanes where x has its sign bit set, else b.
  static Reg select_negative(Reg x, Reg a, Reg b) { return _mm256_blendv_ps(b, a, x); }
  /// a in the lanes where a is NaN, else b.
  static Reg keep_nan(Reg a, Reg b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg fma_once(Reg a, Reg b, Reg c) { return fma(a, b, c); }
  static Reg fnma(Reg a, Reg b, Reg c) { return _mm256_fnmadd_ps(a, b, c); }
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static Reg abs(Reg a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static Reg sqrt(Reg a) { return _mm256_sqrt_ps(a); }
  static Reg round(Reg a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Reg pow2(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  /// In two halves, because the exponent field alone cannot express 2^128 or a denormal.
  static Reg scale_pow2(Reg a, Reg n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(a, pow2(half)), pow2(_mm256_sub_epi32(whole, half)));
  }
  /// The same where a is near 1 and n and the result are exponents of normal numbers, or a is NaN.
  static Reg scale_near_one(Reg a, Reg n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
  }
  /// 16 codes, clamp(round(y), 0, 255), as many as a panel has columns. The conversion makes NaN
  /// and what is too small the least integer, and packing saturates.
  static constexpr int kCodeRegs = 2;
  static void store_codes(uint8_t* p, const Reg (&y)[kCodeRegs]) {
    const __m256i words = code_words(y);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(p),
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static __m256i code_words(const Reg (&y)[kCodeRegs]) {
    const __m256i low = _mm256_cvtps_epi32(min(set1(255.0f), y[0]));
    const __m256i high = _mm256_cvtps_epi32(min(set1(255.0f), y[1]));
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
  }
  /// The first n of them.
  static void store_codes_tail(uint8_t* p, const Reg (&y)[kCodeRegs], int n) {
    uint8_t codes[kCodeRegs * kWidth];
    store_codes(codes, y);
    std::memcpy(p, codes, static_cast<size_t>(n));
  }
  static float sum(Reg a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float highest(Reg a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

}  // namespace
}  // namespace vitro::cpu
