#pragma once

#include <type_traits>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/codes.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_wgmma_layout.cuh"
#include "backends/cuda/kernels/ptx.cuh"

// What the warps that multiply on wgmma do with their sums.
namespace vitro::cuda {

/// Of a warp with 16 rows of Layout::team_columns columns. A thread has row `local` of the results
/// and the one 8 below it.
template <typename T, class Layout>
struct WgmmaFinish {
  static constexpr int kColumns = Layout::team_columns;
  static constexpr bool kIntegers = Layout::codes_in && Layout::code_kind == CodeKind::Integer;
  using Sum = std::conditional_t<kIntegers, int, float>;
  const WgmmaArgs& p;

  /// One, before residual and activation; `scale` is the sum of a weight's row where rows are
  /// normalised.
  __device__ __forceinline__ static float result(Sum sum, float2 norm, float scale, float bias) {
    if constexpr (Layout::codes_in)
      return fmaf(static_cast<float>(sum), scale, bias);
    else
      return fmaf(sum, norm.x, fmaf(norm.y, scale, bias));
  }
  /// To elements: norm, bias, residual, activation, and the sums of the results' rows. Results
  /// stand where their residuals stood, in rows of 128 bytes swizzled by 128 bytes. Without kMore
  /// there are neither residuals nor sums.
  template <bool kMore, class Act>
  __device__ __forceinline__ void to_elements(const Sum (&sums)[kColumns / 2], int local,
                                              char* results, const float* vectors,
                                              const float2* norms, float2 (&row_sums)[2],
                                              Act act) const {
    const int lane = threadIdx.x % 32, quad = lane % 4;
    float2 norm[2]{};
    if constexpr (!Layout::codes_in) norm[0] = norms[local], norm[1] = norms[local + 8];
    // A lane names a row of one of the four matrices that are stored at a time.
    char* const row = results + (local - lane / 4 + lane % 16) * 128;
    const int swizzle = (lane / 16 ^ lane % 8) << 4;
    float2 bias[2], total[2];
    const auto load = [&](int column) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float* v = vectors + column + i * 8 + quad * 2;
        bias[i] = *reinterpret_cast<const float2*>(v);
        total[i] = *reinterpret_cast<const float2*>(v + kColumns);
      }
    };
    load(0);
#pragma unroll
    for (int column = 0; column < kColumns; column += 16) {
      char* const place = row + column / 64 * Layout::box_bytes + (column % 64 * 2 ^ swizzle);
      uint32_t words[4];
      if (kMore && p.has_residual) ldmatrix_x4(words, place);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int half = i % 2;
        const Sum* sum = sums + column / 2 + i * 2;
        const float2 b = bias[i / 2], t = total[i / 2];
        float first = result(sum[0], norm[half], t.x, b.x),
              second = result(sum[1], norm[half], t.y, b.y);
        if (kMore) {
          const float2 r = p.has_residual ? unpack_2<T>(words[i]) : float2{};
          first += r.x, second += r.y;
        }
        first = act.template apply<T>(first), second = act.template apply<T>(second);
        if (kMore) {
          row_sums[half].x += first + second;
          row_sums[half].y = fmaf(first, first, fmaf(second, second, row_sums[half].y));
        }
        words[i] = pack_2<T>(first, second);
      }
      if (column + 16 < kColumns) load(column + 16);
      stmatrix_x4(place, words);
    }
  }
  /// The same to float32: a thread's pairs of columns go straight to their places.
  template <bool kMore, class Act>
  __device__ __forceinline__ void to_float32(const Sum (&sums)[kColumns / 2], int local,
                                             char* results, const float* vectors,
                                             const float2* norms, float2 (&row_sums)[2],
                                             Act act) const {
    const int quad = threadIdx.x % 4, swizzle = local % 8 << 4;
    const float2 norm[2] = {norms[local], norms[local + 8]};
    char* const row = results + local * 128 + quad % 2 * 8;
#pragma unroll
    for (int column = 0; column < kColumns; column += 8) {
      const float* v = vectors + column + quad * 2;
      const float2 bias = *reinterpret_cast<const float2*>(v),
                   total = *reinterpret_cast<const float2*>(v + kColumns);
      char* const place =
          row + column / 32 * Layout::box_bytes + (column % 32 * 4 + quad / 2 * 16 ^ swizzle);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        auto& at = *reinterpret_cast<float2*>(place + half * 8 * 128);
        const Sum* sum = sums + column / 2 + half * 2;
        float2 made{result(sum[0], norm[half], total.x, bias.x),
                    result(sum[1], norm[half], total.y, bias.y)};
        if (kMore && p.has_residual) made.x += at.x, made.y += at.y;
        made = {act.template apply<T>(made.x), act.template apply<T>(made.y)};
        if (kMore) {
          row_sums[half].x += made.x + made.y;
          row_sums[half].y = fmaf(made.x, made.x, fmaf(made.y, made.y, row_sums[half].y));
        }
        at = made;
      }
    }
  }
  /// To codes, which have neither residuals nor sums.
  template <class Act>
  __device__ __forceinline__ void to_codes(const Sum (&sums)[kColumns / 2], int local,
                                           char* results, const float* vectors, Act act) const {
    const int quad = threadIdx.x % 4, swizzle = local % 8 << 4;
    char* const row = results + local * 128 + quad * 2;
#pragma unroll
    for (int column = 0; column < kColumns; column += 8) {
      float2 v[4]{};  // bias, scale, factor, offset
#pragma unroll
      for (int i = 0; i < Layout::column_vectors; ++i)
        v[i] = *reinterpret_cast<const float2*>(vectors + i * kColumns + column + quad * 2);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Sum* sum = sums + column / 2 + half * 2;
        const float first = act.template apply<T>(result(sum[0], {}, v[1].x, v[0].x)),
                    second = act.template apply<T>(result(sum[1], {}, v[1].y, v[0].y));
        *reinterpret_cast<uint16_t*>(row + half * 8 * 128 + (column / 16 * 16 ^ swizzle) +
                                     column % 16) =
            static_cast<uint16_t>(code_pair<Layout::code_kind>({first, second}, v[2], v[3]));
      }
    }
  }
  /// Of kColumns columns, whose vectors are `vectors`; `norms` of all rows.
  __device__ __forceinline__ void operator()(const Sum (&sums)[kColumns / 2], int local,
                                             char* results, const float* vectors,
                                             const float2* norms, float2 (&row_sums)[2]) const {
    if constexpr (Layout::codes_out)
      return with_activation(p.activation, [&](auto activation) {
        to_codes(sums, local, results, vectors, activation);
      });
    const bool more = p.has_residual || p.result_sums != nullptr;
    with_activation(p.activation, [&](auto activation) {
      if constexpr (Layout::tf32)
        more ? to_float32<true>(sums, local, results, vectors, norms, row_sums, activation)
             : to_float32<false>(sums, local, results, vectors, norms, row_sums, activation);
      else
        more ? to_elements<true>(sums, local, results, vectors, norms, row_sums, activation)
             : to_elements<false>(sums, local, results, vectors, norms, row_sums, activation);
    });
  }
  /// Leaves the sums of rows `row` and row + 8 as part `part` of theirs.
  __device__ __forceinline__ void store_sums(float2 (&row_sums)[2], int row, int part) const {
#pragma unroll
    for (int half = 0; half < 2; ++half, row += 8) {
      const float2 all{sum_lanes<4>(row_sums[half].x), sum_lanes<4>(row_sums[half].y)};
      if (threadIdx.x % 4 == 0 && row < p.m)
        p.result_sums[static_cast<int64_t>(row) * p.result_parts + part] = all;
    }
  }
};

}  // namespace vitro::cuda
