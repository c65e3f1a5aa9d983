#pragma once

#include "backends/cuda/kernels/linear_kernel.cuh"

// Products on FFMA, true float32.
namespace vitro::cuda {

/// The sums of a thread: every fourth row by every eighth column of its warp's. Four columns of k
/// at a time come from the slabs as one load for each row. Lanes lie 4 x 8 so that one's neighbour
/// has the same column and the next but one the same row: of a load of 16 bytes each half warp is
/// then served at once.
template <class Shape>
struct FfmaSums {
  float v[Shape::thread_m][Shape::thread_n];

  __device__ __forceinline__ static int row_of(int warp_m) {
    return warp_m * Shape::thread_m * 4 + threadIdx.x % 32 / 16 * 2 + threadIdx.x % 2;
  }
  __device__ __forceinline__ static int column_of(int warp_n) {
    return warp_n * Shape::thread_n * 8 + threadIdx.x % 16 / 2;
  }
  /// Adds a slab's product; a warp takes every warps_k-th of its eight chunks.
  template <typename T>
  __device__ __forceinline__ void add_slab(const char* a, const char* b, int warp_m, int warp_n,
                                           int warp_k) {
    const int row = row_of(warp_m), column = column_of(warp_n);
#pragma unroll Shape::unroll_chunks
    for (int step = 0; step < 8 / Shape::warps_k; ++step) {
      const int chunk = step * Shape::warps_k + warp_k;
      float4 fb[Shape::thread_n];
#pragma unroll
      for (int j = 0; j < Shape::thread_n; ++j)
        fb[j] = *reinterpret_cast<const float4*>(b + swizzled(column + j * 8, chunk));
#pragma unroll
      for (int i = 0; i < Shape::thread_m; ++i) {
        const float4 fa = *reinterpret_cast<const float4*>(a + swizzled(row + i * 4, chunk));
#pragma unroll
        for (int j = 0; j < Shape::thread_n; ++j) v[i][j] = fmaf(fa.x, fb[j].x, v[i][j]);
#pragma unroll
        for (int j = 0; j < Shape::thread_n; ++j) v[i][j] = fmaf(fa.y, fb[j].y, v[i][j]);
#pragma unroll
        for (int j = 0; j < Shape::thread_n; ++j) v[i][j] = fmaf(fa.z, fb[j].z, v[i][j]);
#pragma unroll
        for (int j = 0; j < Shape::thread_n; ++j) v[i][j] = fmaf(fa.w, fb[j].w, v[i][j]);
      }
    }
  }
  __device__ __forceinline__ void store(float* shared, int warp_m, int warp_n, int warp_k) const {
    float* dst =
        shared + (warp_k * Shape::block_m + row_of(warp_m)) * Shape::pitch + column_of(warp_n);
#pragma unroll
    for (int i = 0; i < Shape::thread_m; ++i)
#pragma unroll
      for (int j = 0; j < Shape::thread_n; ++j) dst[i * 4 * Shape::pitch + j * 8] = v[i][j];
  }
};

template <int kBlockM, int kBlockN, int kWarpsM, int kWarpsN, int kWarpsK, int kStages, int kBlocks>
struct FfmaShape {
  using Sums = FfmaSums<FfmaShape>;
  static constexpr const char* name = "linear_ffma";
  static constexpr int block_m = kBlockM, block_n = kBlockN, stages = kStages, blocks = kBlocks;
  static constexpr int warps_m = kWarpsM, warps_n = kWarpsN, warps_k = kWarpsK;
  static constexpr int threads = 32 * kWarpsM * kWarpsN * kWarpsK;
  static constexpr int thread_m = kBlockM / kWarpsM / 4, thread_n = kBlockN / kWarpsN / 8;
  // About 500 multiply-adds in a row: more would not stay in the instruction cache.
  static constexpr int unroll_chunks = thread_m * thread_n >= 64 ? 2 : 4, unroll = 1;
  static constexpr int weight_parts = 1;
  static constexpr bool early_vectors = thread_m * thread_n < 64;  // where registers hold them
  static constexpr int pitch = kBlockN + 8;  // of the float32 sums, without bank conflicts
  static constexpr size_t sum_bytes = sizeof(float) * kWarpsK * kBlockM * pitch;
};
// The rows of kFfmaTiles.
using FfmaShapes = std::tuple<FfmaShape<16, 16, 1, 1, 8, 16, 2>, FfmaShape<16, 32, 1, 1, 4, 16, 2>,
                              FfmaShape<32, 32, 1, 1, 4, 10, 2>, FfmaShape<32, 64, 1, 1, 4, 6, 3>,
                              FfmaShape<64, 64, 2, 1, 2, 4, 3>, FfmaShape<128, 64, 4, 1, 1, 3, 3>>;

}  // namespace vitro::cuda
