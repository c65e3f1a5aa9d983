#pragma once

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products of a tile's maps in shared memory with matrices, on mma.sync or wgmma.
namespace vitro::cuda::mixer {

/// 16 rows of a map by 16 columns, as a product leaves them; row_at(i) is where row i begins.
template <typename T, typename RowAt>
__device__ __forceinline__ void load_16x16(uint32_t (&words)[4], const RowAt& row_at, int column) {
  const int lane = threadIdx.x % 32;
  ldmatrix_x4(words, row_at(lane % 16) + column + lane / 16 * 8);
}
template <typename T, typename RowAt>
__device__ __forceinline__ void store_16x16(const RowAt& row_at, int column,
                                            const uint32_t (&words)[4]) {
  const int lane = threadIdx.x % 32;
#if __CUDA_ARCH__ >= 900
  stmatrix_x4(row_at(lane % 16) + column + lane / 16 * 8, words);
#else
#pragma unroll
  for (int i = 0; i < 4; ++i)
    *reinterpret_cast<uint32_t*>(row_at(lane / 4 + i % 2 * 8) + column + i / 2 * 8 + lane % 4 * 2) =
        words[i];
#endif
}

/// A left operand of 16 x 16; row_at(row, k) is where eight elements from k on of a row lie.
template <typename RowAt>
__device__ __forceinline__ void load_a(uint32_t (&words)[4], const RowAt& row_at, int row0, int k) {
  const int lane = threadIdx.x % 32;
  ldmatrix_x4(words, row_at(row0 + lane % 16, k + lane / 16 * 8));
}

/// acc += a b^T over kK columns, for M m16 tiles of a by N n8 tiles of b: get_a(words, i, k) gives
/// 16 columns of a tile of a, b_at(n, k) is where eight elements from k on of a row of b lie.
template <typename T, int kK, int M, int N, typename GetA, typename BAt>
__device__ __forceinline__ void multiply(float (&acc)[M][N][4], const GetA& get_a,
                                         const BAt& b_at) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < kK; k += 16) {
    uint32_t a[M][4];
#pragma unroll
    for (int i = 0; i < M; ++i) get_a(a[i], i, k);
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      uint32_t b[4];
      ldmatrix_x4(b, b_at(j * 8 + lane % 8 + lane / 16 * 8, k + lane / 8 % 2 * 8));
#pragma unroll
      for (int i = 0; i < M; ++i) {
        mma_16816<T>(acc[i][j], a[i], b[0], b[1]);
        mma_16816<T>(acc[i][j + 1], a[i], b[2], b[3]);
      }
    }
  }
}

/// The same for four warps with 16 rows each on wgmma, which begins anew where `accumulate` is 0;
/// b's rows begin at n0, its columns at k0.
template <typename T, int kK, int N, typename GetA, typename Weight>
__device__ __forceinline__ void multiply_64(float (&acc)[1][N][4], const GetA& get_a,
                                            const Weight& b, int n0, int k0, int accumulate) {
  uint32_t a[kK / 16][4];
#pragma unroll
  for (int k = 0; k < kK / 16; ++k) get_a(a[k], 0, k * 16);
  auto& sums = reinterpret_cast<float(&)[N * 4]>(acc);
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < kK / 16; ++k)
    wgmma_64x16<T, N * 8>(sums, a[k], b.operand(n0, k0 + k * 16), k > 0 ? 1 : accumulate);
  wgmma_commit();
  wgmma_wait<0>();
}

template <int M, int N>
__device__ __forceinline__ void add_bias(float (&acc)[M][N][4], const float* bias) {
#pragma unroll
  for (int j = 0; j < N; ++j) {
    const float2 b = *reinterpret_cast<const float2*>(bias + j * 8 + threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < M; ++i)
      acc[i][j][0] += b.x, acc[i][j][1] += b.y, acc[i][j][2] += b.x, acc[i][j][3] += b.y;
  }
}
template <int M, int N>
__device__ __forceinline__ void start_with(float (&acc)[M][N][4], const float* bias) {
#pragma unroll
  for (int j = 0; j < N; ++j) {
    const float2 start = *reinterpret_cast<const float2*>(bias + j * 8 + threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < M; ++i)
      acc[i][j][0] = acc[i][j][2] = start.x, acc[i][j][1] = acc[i][j][3] = start.y;
  }
}

/// finish(row, column, sums) takes 16 x 16 results at a time, 4 pairs in each thread.
template <int M, int N, typename Finish>
__device__ __forceinline__ void finish_each(const float (&acc)[M][N][4], const Finish& finish) {
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      float2 sums[4];
#pragma unroll
      for (int w = 0; w < 4; ++w)
        sums[w] = float2{acc[i][j + w / 2][w % 2 * 2], acc[i][j + w / 2][w % 2 * 2 + 1]};
      finish(i * 16, j * 8, sums);
    }
}

/// A matrix of C columns whose rows have kStride elements.
template <typename T, int kStride>
struct PaddedMatrix {
  static constexpr bool kOnWgmma = false;
  const T* start;
  __device__ __forceinline__ const void* operator()(int n, int k) const {
    return start + n * kStride + k;
  }
};

/// a weight^T + bias for kRows rows of a, piece by piece.
template <typename Tile, typename T, int kRows, int M, int N, typename Weight, typename Finish>
__device__ __forceinline__ void product(const T* a, const Weight& weight, const float* bias,
                                        const Finish& finish) {
  constexpr int kInColumn = kRows / (16 * M), kPieces = kInColumn * (Tile::C / (8 * N));
  constexpr bool kOnWgmma = Weight::kOnWgmma && kRows == 64 && M == 1 && kPieces == Tile::kWarps;
  for (int piece = threadIdx.x / 32; piece < kPieces; piece += Tile::kWarps) {
    const int row0 = piece % kInColumn * 16 * M, column0 = piece / kInColumn * 8 * N;
    const auto get_a = [&](uint32_t(&words)[4], int i, int k) {
      load_a(
          words, [&](int row, int k0) { return a + row * Tile::kStride + k0; }, row0 + i * 16, k);
    };
    float acc[M][N][4];
    if constexpr (kOnWgmma) {
      multiply_64<T, Tile::C>(acc, get_a, weight, column0, 0, 0);
      add_bias(acc, bias + column0);
    } else {
      start_with(acc, bias + column0);
      multiply<T, Tile::C>(acc, get_a, [&](int n, int k) { return weight(column0 + n, k); });
    }
    finish_each(acc, [&](int row, int column, const float2(&sums)[4]) {
      finish(row0 + row, column0 + column, sums);
    });
  }
}

}  // namespace vitro::cuda::mixer
