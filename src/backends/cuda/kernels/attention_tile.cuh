#pragma once

#include <type_traits>

#include "backends/cuda/kernels/attention.h"
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

inline constexpr int kSplitKeys = 32;  // of each warp of SplitKeys
inline constexpr int kMaxSplitKeys = 256;
inline constexpr float kLog2E = 1.4426950408889634f;

template <typename T>
struct HeadView {
  const T *q, *k, *v;
  T* context;
  int64_t stride, context_stride;  // between tokens
};

template <typename T>
__device__ __forceinline__ HeadView<T> head_view(const AttentionArgs& args, int image, int head) {
  const int64_t width = static_cast<int64_t>(args.heads) * args.head_dim;
  const T* q = static_cast<const T*>(args.qkv) + static_cast<int64_t>(image) * args.t * 3 * width +
               head * args.head_dim;
  return {q,
          q + width,
          q + 2 * width,
          static_cast<T*>(args.context) + static_cast<int64_t>(image) * args.t * width +
              head * args.head_dim,
          3 * width,
          width};
}

/// Elements in 16 bytes.
template <typename T>
inline constexpr int kPerUnit = 16 / static_cast<int>(sizeof(T));

/// Elements between rows of `D` in shared memory: an odd number of 16-byte units, so that the eight
/// rows of an ldmatrix lie in different banks.
template <typename T, int D>
inline constexpr int kRowStride = D + kPerUnit<T>;

/// The output rows so far, in units of exp2(scale maximum): the lane's rows are lane / 4 and that
/// + 8.
template <int D>
struct AttentionState {
  float out[D / 8][4] = {};
  float maximum[2] = {-INFINITY, -INFINITY};  // equal in the four lanes of a row
  float sum[2] = {0, 0};                      // of the lane's own columns
};

/// Left operands of 32 bytes of each query. float is tf32 wherever it is multiplied here.
template <typename T, int D>
using QueryFragments = uint32_t[D / (2 * kPerUnit<T>)][4];

/// `rows` rows from global memory into shared memory by kThreads threads, zeros from `valid_rows`
/// on and beyond head_dim.
template <int D, int kThreads, typename T>
__device__ __forceinline__ void load_rows(T* shared, const T* global, int64_t global_stride,
                                          int rows, int valid_rows, int head_dim, int thread) {
  constexpr int kChunks = D / kPerUnit<T>, kStep = kThreads / kChunks;
  static_assert(kThreads % kChunks == 0);
  const int column = thread % kChunks * kPerUnit<T>;
  const bool column_valid = column < head_dim;
  const T* src = global + thread / kChunks * global_stride + column;
  T* dst = shared + thread / kChunks * kRowStride<T, D> + column;
#pragma unroll 8
  for (int row = thread / kChunks; row < rows; row += kStep) {
    cp_async_16(dst, src, column_valid && row < valid_rows);
    src += kStep * global_stride;
    dst += kStep * kRowStride<T, D>;
  }
}

/// The A operands of 16 queries, zeros from `valid_rows` on and beyond head_dim.
template <typename T, int D>
__device__ __forceinline__ void load_queries(QueryFragments<T, D>& q, const T* global,
                                             int64_t stride, int valid_rows, int head_dim) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < D / (2 * kPerUnit<T>); ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = lane / 4 + j % 2 * 8;
      const int column = (i * 2 + j / 2) * kPerUnit<T> + lane % 4 * (kPerUnit<T> / 4);
      const bool valid = row < valid_rows && column < head_dim;
      q[i][j] = valid ? *reinterpret_cast<const uint32_t*>(global + row * stride + column) : 0;
      if constexpr (sizeof(T) == 4) q[i][j] = round_to_tf32(q[i][j]);
    }
}

/// d += a b; b as it lies in memory.
template <typename T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1) {
  if constexpr (sizeof(T) == 2) {
    mma_16816<T>(d, a, b0, b1);
  } else {
    mma_1688_tf32(d, a, round_to_tf32(b0), round_to_tf32(b1));
  }
}

/// scores = q k^T for the first `keys` of kChunk keys, -infinity for the others.
template <typename T, int D, int kChunk>
__device__ __forceinline__ void score_chunk(float (&scores)[kChunk / 8][4],
                                            const QueryFragments<T, D>& q, const T* k, int keys) {
  const int lane = threadIdx.x % 32;
  const T* rows = k + (lane % 8 + lane / 16 * 8) * kRowStride<T, D> + lane / 8 % 2 * kPerUnit<T>;
#pragma unroll
  for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[j][i] = 0;
      // Sums that follow each other in one place are kChunk / 8 instructions apart.
#pragma unroll
  for (int i = 0; i < D / (2 * kPerUnit<T>); ++i)
#pragma unroll
    for (int j = 0; j < kChunk / 8; j += 2) {
      uint32_t b[4];
      ldmatrix_x4(b, rows + j * 8 * kRowStride<T, D> + i * 2 * kPerUnit<T>);
      multiply<T>(scores[j], q[i], b[0], b[1]);
      multiply<T>(scores[j + 1], q[i], b[2], b[3]);
    }
  if (keys >= kChunk) return;
#pragma unroll
  for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (j * 8 + lane % 4 * 2 + i % 2 >= keys) scores[j][i] = -INFINITY;
}

/// A lane's share of a bias: of its two rows.
struct BiasRows {
  const float* rows[2];
  int64_t key_stride;
  float scale;  // 1 / that of the scores

  __device__ __forceinline__ BiasRows(const AttentionArgs& args, int image, int head, int row0) {
    const AttentionBias& bias = args.bias;
    const int row = row0 + threadIdx.x % 32 / 4;
    const float* of_head =
        bias.data + image % bias.images * bias.image_stride + head * bias.head_stride;
#pragma unroll
    for (int half = 0; half < 2; ++half)
      rows[half] = of_head + min(row + 8 * half, args.t - 1) * bias.query_stride;
    key_stride = bias.key_stride;
    scale = 1.0f / args.scale;
  }
  /// Adds that of the keys from `key0` on, `keys` of which are there, to unscaled scores.
  template <int kChunk>
  __device__ __forceinline__ void add(float (&scores)[kChunk / 8][4], int key0, int keys) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < kChunk / 8; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = j * 8 + lane % 4 * 2 + i % 2;
        if (key < keys)
          scores[j][i] = fmaf(rows[i / 2][(key0 + key) * key_stride], scale, scores[j][i]);
      }
  }
};

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

/// state.out += weights v in tf32. A lane has weights of neighbouring keys where the operand wants
/// those of keys four apart, so the keys change places, and the rows of v with them.
template <typename T, int D, int kChunk>
__device__ __forceinline__ std::enable_if_t<sizeof(T) == 4> add_values(
    const float (&weights)[kChunk / 8][4], const T* v, AttentionState<D>& state) {
  const int lane = threadIdx.x % 32;
  const float* rows = v + lane % 4 * 2 * kRowStride<float, D> + lane / 4;
#pragma unroll
  for (int j = 0; j < kChunk / 8; ++j) {
    uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[i] = round_to_tf32(__float_as_uint(weights[j][i % 2 * 2 + i / 2]));
#pragma unroll
    for (int i = 0; i < D / 8; ++i) {
      const float* b = rows + j * 8 * kRowStride<float, D> + i * 8;
      multiply<float>(state.out[i], a, __float_as_uint(b[0]),
                      __float_as_uint(b[kRowStride<float, D>]));
    }
  }
}

/// The same in 16 bits.
template <typename T, int D, int kChunk>
__device__ __forceinline__ std::enable_if_t<sizeof(T) == 2> add_values(
    const float (&weights)[kChunk / 8][4], const T* v, AttentionState<D>& state) {
  const int lane = threadIdx.x % 32;
  const T* rows = v + lane % 16 * kRowStride<T, D> + lane / 16 * 8;
#pragma unroll
  for (int j = 0; j < kChunk / 8; j += 2) {
    const uint32_t a[4] = {pack_2<T>(weights[j][0], weights[j][1]),
                           pack_2<T>(weights[j][2], weights[j][3]),
                           pack_2<T>(weights[j + 1][0], weights[j + 1][1]),
                           pack_2<T>(weights[j + 1][2], weights[j + 1][3])};
#pragma unroll
    for (int i = 0; i < D / 8; i += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, rows + j * 8 * kRowStride<T, D> + i * 8);
      mma_16816<T>(state.out[i], a, b[0], b[1]);
      mma_16816<T>(state.out[i + 1], a, b[2], b[3]);
    }
  }
}

template <typename T>
__device__ __forceinline__ void store_pair(T* dst, float first, float second) {
  if constexpr (sizeof(T) == 2) {
    *reinterpret_cast<uint32_t*>(dst) = pack_2<T>(first, second);
  } else {
    *reinterpret_cast<float2*>(dst) = float2{first, second};
  }
}

/// The lane's partial sums become those of whole rows.
template <int D>
__device__ __forceinline__ void finish_sums(AttentionState<D>& state) {
#pragma unroll
  for (int half = 0; half < 2; ++half) state.sum[half] = sum_lanes<4>(state.sum[half]);
}

}  // namespace vitro::cuda::attention_tile
