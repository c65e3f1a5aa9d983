#pragma once

#include "backends/cpu/kernels/narrow_rows_impl.h"
#include "backends/cpu/kernels/vec_avx512.h"

namespace vitro::cpu {
namespace {

inline int32_t four_bytes(const void* bytes) {
  int32_t four;
  __builtin_memcpy(&four, bytes, sizeof(four));
  return four;
}

/// See DotAvx2: two sums of each column.
struct DotAvx512 {
  using V = VecAvx512;
  using Format = CodeFormat<V>;
  /// Not __m512i: GCC 12 would keep the sums twice, as the instruction and as the loop sees them.
  typedef int32_t Sums __attribute__((vector_size(64)));
  using Values = __m512i;
  using Weights = __m512i;
  static constexpr int kRegs = 2;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 2;

  static Sums zero() { return Sums{}; }
  static Values broadcast(const void* values) {
    return _mm512_cvtepu8_epi16(_mm256_set1_epi32(four_bytes(values)));
  }
  static Weights load(const void* weights) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(weights)));
  }
  static Sums dot(Sums sums, Values x, Weights w) {
    return sums + reinterpret_cast<Sums>(_mm512_madd_epi16(x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[1]) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const auto low = reinterpret_cast<__m512i>(sums[0]), high = reinterpret_cast<__m512i>(sums[1]);
    y[0] = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_permutex2var_epi32(low, even, high),
                                               _mm512_permutex2var_epi32(low, odd, high)));
  }
};

#ifdef __AVX512VNNI__
/// See DotVnni256.
struct DotVnni512 {
  using V = VecAvx512;
  using Format = CodeFormat<V>;
  typedef int32_t Sums __attribute__((vector_size(64)));
  using Values = __m512i;
  using Weights = __m512i;
  static constexpr int kRegs = 1;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 4;

  static Sums zero() { return Sums{}; }
  static Values broadcast(const void* values) { return _mm512_set1_epi32(four_bytes(values)); }
  static Weights load(const void* weights) { return _mm512_loadu_si512(weights); }
  static Sums dot(Sums sums, Values x, Weights w) {
    return reinterpret_cast<Sums>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[1]) {
    y[0] = _mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sums[0]));
  }
};
#endif

#ifdef __AVX512BF16__
/// See BFloat16Format. Numbers below the least normal one become 0.
struct RoundAvx512 {
  using V = VecAvx512;
  static constexpr int kRegs = 2;
  static __m512i rounded(const V::Reg (&y)[kRegs]) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(y[1], y[0]));
  }
  static void store_bfloat16(uint16_t* p, const V::Reg (&y)[kRegs]) {
    _mm512_storeu_si512(p, rounded(y));
  }
  /// The first n of them.
  static void store_bfloat16_tail(uint16_t* p, const V::Reg (&y)[kRegs], int n) {
    _mm512_mask_storeu_epi16(p, (1u << n) - 1, rounded(y));
  }
};

/// See attention_pairs_impl.h.
struct PairsAvx512 {
  using V = VecAvx512;
  using Reg = V::Reg;
  static Reg dot(Reg x, Reg y, Reg sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(y));
  }
  /// The low 16 numbers beside the high ones.
  static Reg interleave(__m512i numbers) {
    alignas(64) static constexpr uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                        21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                        11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_load_si512(kOrder);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, numbers));
  }
  static Reg pair(Reg first, Reg second) {
    return interleave(reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
  }
  /// The first n <= 16 numbers of two rows, side by side.
  static Reg load_pairs(const uint16_t* first, const uint16_t* second, int n) {
    const __mmask16 mask = V::tail(n);
    return interleave(
        _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi16(mask, first)),
                           _mm256_maskz_loadu_epi16(mask, second), 1));
  }
  static void store_rounded(uint16_t* p, Reg y, int n) {
    _mm256_mask_storeu_epi16(p, V::tail(n), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(y)));
  }
};

/// Pairs of k: one instruction adds both products to a sum.
struct DotBFloat16 {
  using V = VecAvx512;
  using Format = BFloat16Format<RoundAvx512>;
  using Sums = V::Reg;
  using Values = __m512bh;
  using Weights = __m512bh;
  static constexpr int kRegs = 1;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 4;

  static Sums zero() { return V::zero(); }
  static Values broadcast(const void* values) {
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(four_bytes(values)));
  }
  static Weights load(const void* weights) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(weights));
  }
  static Sums dot(Sums sums, Values x, Weights w) { return _mm512_dpbf16_ps(sums, x, w); }
  static void to_floats(const Sums* sums, V::Reg (&y)[1]) { y[0] = sums[0]; }
};
#endif

}  // namespace
}  // namespace vitro::cpu
