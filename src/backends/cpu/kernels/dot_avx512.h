#pragma once

#include "backends/cpu/kernels/vec_avx512.h"

namespace vitro::cpu {
namespace {

inline int32_t four_codes(const uint8_t* codes) {
  int32_t four;
  __builtin_memcpy(&four, codes, sizeof(four));
  return four;
}

/// See DotAvx2: two sums of each column.
struct DotAvx512 {
  using V = VecAvx512;
  /// Not __m512i: GCC 12 would keep the sums twice, as the instruction and as the loop sees them.
  typedef int32_t Sums __attribute__((vector_size(64)));
  using Codes = __m512i;
  using Weights = __m512i;
  static constexpr int kRegs = 2;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 2;

  static Sums zero() { return Sums{}; }
  static Codes broadcast(const uint8_t* codes) {
    return _mm512_cvtepu8_epi16(_mm256_set1_epi32(four_codes(codes)));
  }
  static Weights load(const int8_t* weights) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)));
  }
  static Sums dot(Sums sums, Codes x, Weights w) {
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
  typedef int32_t Sums __attribute__((vector_size(64)));
  using Codes = __m512i;
  using Weights = __m512i;
  static constexpr int kRegs = 1;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 4;

  static Sums zero() { return Sums{}; }
  static Codes broadcast(const uint8_t* codes) { return _mm512_set1_epi32(four_codes(codes)); }
  static Weights load(const int8_t* weights) { return _mm512_loadu_si512(weights); }
  static Sums dot(Sums sums, Codes x, Weights w) {
    return reinterpret_cast<Sums>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[1]) {
    y[0] = _mm512_cvtepi32_ps(reinterpret_cast<__m512i>(sums[0]));
  }
};
#endif

}  // namespace
}  // namespace vitro::cpu
