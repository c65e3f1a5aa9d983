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

/// See DotScalar. Without an instruction for bytes whose sums are exact: vpmaddubsw saturates where
/// two products of 255 and 127 are added. So codes and weights become words of 16 bits, once for
/// many products, and a step multiplies two of the four values of a group.
struct DotAvx2 {
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
    return sums + reinterpret_cast<Sums>(_mm256_madd_epi16(x, w));
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[2]) {
    for (int i = 0; i < 2; ++i) y[i] = _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(sums[i]));
  }

  /// Of 32 bytes of a group of a panel, eight columns: values 0 and 2 of each, or 1 and 3. Pairs of
  /// neighbours would take more instructions.
  template <int half>
  static Weights widened(const void* bytes) {
    const __m256i x = load(bytes);
    return _mm256_srai_epi16(half == 0 ? _mm256_slli_epi16(x, 8) : x, 8);
  }
  /// A group of a panel as two steps.
  static void widen_weights(const int8_t* group, int16_t* steps) {
    auto* dst = reinterpret_cast<__m256i*>(steps);
    for (int i = 0; i < 2; ++i) {
      _mm256_storeu_si256(dst + i, widened<0>(group + 32 * i));
      _mm256_storeu_si256(dst + 2 + i, widened<1>(group + 32 * i));
    }
  }
  /// 16 codes in the same order.
  static void widen_codes(const uint8_t* codes, int16_t* words) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    store_in_order(words, _mm256_cvtepu8_epi16(bytes));
  }
  /// See store_codes().
  static void store_words(int16_t* words, const V::Reg (&y)[2]) {
    store_in_order(words, V::code_words(y));
  }
  static void store_in_order(int16_t* words, __m256i codes) {
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), _mm256_shuffle_epi8(codes, order));
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
