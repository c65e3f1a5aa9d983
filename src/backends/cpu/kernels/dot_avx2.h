#pragma once

#include "backends/cpu/kernels/narrow_rows_impl.h"
#include "backends/cpu/kernels/vec_avx2.h"

namespace vitro::cpu {
namespace {

inline int32_t four_bytes(const void* bytes) {
  int32_t four;
  __builtin_memcpy(&four, bytes, sizeof(four));
  return four;
}

/// See DotScalar. Codes and weights as 16 bits each: vpmaddubsw would take bytes, but saturates
/// where two products of 255 and 127 are added. A column has two sums, of even and odd pairs.
struct DotAvx2 {
  using V = VecAvx2;
  using Format = CodeFormat<V>;
  /// See DotAvx512.
  typedef int32_t Sums __attribute__((vector_size(32)));
  using Values = __m256i;
  using Weights = __m256i;
  static constexpr int kRegs = 4;
  static constexpr int kRows = 2;
  static constexpr int kPanels = 1;

  static Sums zero() { return Sums{}; }
  static Values broadcast(const void* values) {
    return _mm256_cvtepu8_epi16(_mm_set1_epi32(four_bytes(values)));
  }
  static Weights load(const void* weights) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(weights)));
  }
  static Sums dot(Sums sums, Values x, Weights w) {
    return sums + reinterpret_cast<Sums>(_mm256_madd_epi16(x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[2]) {
    for (int i = 0; i < 2; ++i) {
      // Columns 0 1 4 5 2 3 6 7.
      const __m256i columns = _mm256_hadd_epi32(reinterpret_cast<__m256i>(sums[2 * i]),
                                                reinterpret_cast<__m256i>(sums[2 * i + 1]));
      y[i] = _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(columns, 0xd8));
    }
  }
};

/// With an instruction that multiplies bytes and adds four products without saturation: VNNI, of
/// AVX or AVX-512.
template <class Instruction>
struct DotVnni256 {
  using V = VecAvx2;
  using Format = CodeFormat<V>;
  /// See DotAvx512.
  typedef int32_t Sums __attribute__((vector_size(32)));
  using Values = __m256i;
  using Weights = __m256i;
  static constexpr int kRegs = 2;
  static constexpr int kRows = 6;
  static constexpr int kPanels = 1;

  static Sums zero() { return Sums{}; }
  static Values broadcast(const void* values) { return _mm256_set1_epi32(four_bytes(values)); }
  static Weights load(const void* weights) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(weights));
  }
  static Sums dot(Sums sums, Values x, Weights w) {
    return reinterpret_cast<Sums>(Instruction::dpbusd(reinterpret_cast<__m256i>(sums), x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[2]) {
    for (int i = 0; i < 2; ++i) y[i] = _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(sums[i]));
  }
};

}  // namespace
}  // namespace vitro::cpu
