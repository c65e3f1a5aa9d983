#pragma once

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

// A warp's part of attention: 16 queries against keys and values in shared memory, online softmax.
namespace vitro::cuda::attention_tile {

/// 2 to the power of v in one instruction; 0 where the result would be subnormal.
__device__ __forceinline__ float exp2_fast(float v) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

/// Elements between rows of `D` in shared memory: an odd number of 16-byte units, so that the eight
/// rows of an ldmatrix lie in different banks.
template <int D>
inline constexpr int kRowStride = D + 8;

/// The output rows so far, in units of exp2(scale maximum): the lane's rows are lane / 4 and that
/// + 8.
template <int D>
struct AttentionState {
  float out[D / 8][4] = {};
  float maximum[2] = {-INFINITY, -INFINITY};  // equal in the four lanes of a row
  float sum[2] = {0, 0};                      // of the lane's own columns
};

template <int D>
using QueryFragments = uint32_t[D / 16][4];

/// `rows` rows from global memory into shared memory by kThreads threads, zeros from `valid_rows`
/// on and beyond head_dim.
template <int D, int kThreads, typename T>
__device__ __forceinline__ void load_rows(T* shared, const T* global, int64_t global_stride,
                                          int rows, int valid_rows, int head_dim, int thread) {
  constexpr int kChunks = D / 8, kStep = kThreads / kChunks;
  static_assert(kThreads % kChunks == 0);
  const int column = thread % kChunks * 8;
  const bool column_valid = column < head_dim;
  const T* src = global + thread / kChunks * global_stride + column;
  T* dst = shared + thread / kChunks * kRowStride<D> + column;
#pragma unroll 8
  for (int row = thread / kChunks; row < rows; row += kStep) {
    cp_async_16(dst, src, column_valid && row < valid_rows);
    src += kStep * global_stride;
    dst += kStep * kRowStride<D>;
  }
}

/// The A operands of 16 queries, zeros from `valid_rows` on and beyond head_dim.
template <int D, typename T>
__device__ __forceinline__ void load_queries(QueryFragments<D>& q, const T* global, int64_t stride,
                                             int valid_rows, int head_dim) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < D / 16; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = lane / 4 + j % 2 * 8, column = i * 16 + j / 2 * 8 + lane % 4 * 2;
      const bool valid = row < valid_rows && column < head_dim;
      q[i][j] = valid ? *reinterpret_cast<const uint32_t*>(global + row * stride + column) : 0;
    }
}

/// scores = q k^T for the first `keys` of kChunk keys, -infinity for the others.
template <typename T, int D, int kChunk>
__device__ __forceinline__ void score_chunk(float (&scores)[kChunk / 8][4],
                                            const QueryFragments<D>& q, const T* k, int keys) {
  const int lane = threadIdx.x % 32;
  const T* rows = k + (lane % 8 + lane / 16 * 8) * kRowStride<D> + lane / 8 % 2 * 8;
#pragma unroll
  for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[j][i] = 0;
      // Sums that follow each other in one place are kChunk / 8 instructions apart.
#pragma unroll
  for (int i = 0; i < D / 16; ++i)
#pragma unroll
    for (int j = 0; j < kChunk / 8; j += 2) {
      uint32_t b[4];
      ldmatrix_x4(b, rows + j * 8 * kRowStride<D> + i * 16);
      mma_16816<T>(scores[j], q[i], b[0], b[1]);
      mma_16816<T>(scores[j + 1], q[i], b[2], b[3]);
    }
  if (keys >= kChunk) return;
#pragma unroll
  for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (j * 8 + lane % 4 * 2 + i % 2 >= keys) scores[j][i] = -INFINITY;
}

/// scores become weights in units of exp2(scale maximum); what is already in the state is rescaled.
template <int D, int kChunk>
__device__ __forceinline__ void softmax_chunk(float (&scores)[kChunk / 8][4], float scale,
                                              AttentionState<D>& state) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    // Two chains each of maxima and of sums: one is as long as an instruction takes times the keys.
    float maxima[2] = {state.maximum[half], state.maximum[half]};
#pragma unroll
    for (int j = 0; j < kChunk / 8; ++j)
      maxima[j % 2] = fmaxf(maxima[j % 2], fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
    float maximum = fmaxf(maxima[0], maxima[1]);
    maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 1));
    maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 2));
    const float rescale = exp2_fast((state.maximum[half] - maximum) * scale);
    state.maximum[half] = maximum;
    const float offset = -maximum * scale;
    float sums[2] = {state.sum[half] * rescale, 0};
#pragma unroll
    for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float& score = scores[j][2 * half + i];
        score = exp2_fast(fmaf(score, scale, offset));
        sums[i] += score;
      }
    state.sum[half] = sums[0] + sums[1];
#pragma unroll
    for (int j = 0; j < D / 8; ++j) {
      state.out[j][2 * half] *= rescale;
      state.out[j][2 * half + 1] *= rescale;
    }
  }
}

/// state.out += weights v.
template <typename T, int D, int kChunk>
__device__ __forceinline__ void add_values(const float (&weights)[kChunk / 8][4], const T* v,
                                           AttentionState<D>& state) {
  const int lane = threadIdx.x % 32;
  const T* rows = v + lane % 16 * kRowStride<D> + lane / 16 * 8;
#pragma unroll
  for (int j = 0; j < kChunk / 8; j += 2) {
    const uint32_t a[4] = {pack_2<T>(weights[j][0], weights[j][1]),
                           pack_2<T>(weights[j][2], weights[j][3]),
                           pack_2<T>(weights[j + 1][0], weights[j + 1][1]),
                           pack_2<T>(weights[j + 1][2], weights[j + 1][3])};
#pragma unroll
    for (int i = 0; i < D / 8; i += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, rows + j * 8 * kRowStride<D> + i * 8);
      mma_16816<T>(state.out[i], a, b[0], b[1]);
      mma_16816<T>(state.out[i + 1], a, b[2], b[3]);
    }
  }
}

/// The lane's partial sums become those of whole rows.
template <int D>
__device__ __forceinline__ void finish_sums(AttentionState<D>& state) {
#pragma unroll
  for (int half = 0; half < 2; ++half) state.sum[half] = sum_lanes<4>(state.sum[half]);
}

}  // namespace vitro::cuda::attention_tile
