#pragma once

#include <immintrin.h>

#include <cstdint>

namespace vitro::cpu {
namespace {

/// What the x86 vector types share.
struct VecX86 {
  /// Four rows of `count` floats become four columns of dst, whose rows are written in order,
  /// dst_stride apart.
  static void transpose4(const float* const (&rows)[4], int64_t count, float* dst,
                         int64_t dst_stride) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      __m128 a = _mm_loadu_ps(rows[0] + i);
      __m128 b = _mm_loadu_ps(rows[1] + i);
      __m128 c = _mm_loadu_ps(rows[2] + i);
      __m128 d = _mm_loadu_ps(rows[3] + i);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(dst + i * dst_stride, a);
      _mm_storeu_ps(dst + (i + 1) * dst_stride, b);
      _mm_storeu_ps(dst + (i + 2) * dst_stride, c);
      _mm_storeu_ps(dst + (i + 3) * dst_stride, d);
    }
    for (; i < count; ++i)
      for (int j = 0; j < 4; ++j) dst[i * dst_stride + j] = rows[j][i];
  }
};

}  // namespace
}  // namespace vitro::cpu
