#pragma once

#include <algorithm>

#include "backends/cuda/kernels/mlp_kernels.h"
#include "backends/cuda/kernels/mlp_tile.cuh"
#include "backends/cuda/kernels/tma.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Mlps whose warps have rows to themselves, on mma.sync or wgmma.
namespace vitro::cuda {

/// Adds bias and x to the sums of the warp's 16 rows of the block, in the place of x, and stores
/// them.
template <typename T, class Shape>
__device__ __forceinline__ void finish_rows(const MlpArgs& p, const float (&sums)[Shape::c / 8][4],
                                            char* x, int row0, int first_row, const float* bias) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < Shape::c / 16; ++k) {
    char* const slab = x + k / 4 * Shape::block_m * kSlabBytes;
    uint32_t words[4];
    load_16x16(words, slab, row0, k % 4 * 2);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int n = k * 2 + i / 2;
      const float* v = sums[n] + i % 2 * 2;
      const float2 b = *reinterpret_cast<const float2*>(bias + n * 8 + lane % 4 * 2),
                   r = unpack_2<T>(words[i]);
      words[i] = pack_2<T>(v[0] + b.x + r.x, v[1] + b.y + r.y);
    }
    store_16x16(slab, row0, k % 4 * 2, words);
  }
  __syncwarp();
  constexpr int kChunks = Shape::c / 8;
#pragma unroll
  for (int i = lane; i < 16 * kChunks; i += 32) {
    const int row = row0 + i / kChunks, chunk = i % kChunks;
    if (first_row + row < p.m)
      *reinterpret_cast<uint4*>(static_cast<T*>(p.y) +
                                static_cast<int64_t>(first_row + row) * Shape::c + chunk * 8) =
          *reinterpret_cast<const uint4*>(x + chunk / 8 * Shape::block_m * kSlabBytes +
                                          swizzled(row, chunk % 8));
  }
}

/// All 64 hidden columns of a chunk for the 64 rows of four warps, on wgmma: what mlp_step does 16
/// of. The second product is still under way afterwards.
template <typename T, class Shape>
__device__ __forceinline__ void mlp_chunk(float (&sums)[Shape::c / 2],
                                          const RowOperands<Shape, 1>& x, const char* chunk,
                                          const float* bias, int accumulate) {
  const uint32_t weights = shared_address(chunk);
  float hidden[32];
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < Shape::c / 16; ++k)
    wgmma_64x16<T, 64>(hidden, x.a[0][k],
                       wgmma_operand(weights + k / 4 * 64 * kSlabBytes) + k % 4 * 2, k);
  wgmma_commit();
  wgmma_wait<0>();
  uint32_t a[4][4];
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    const float2 b = *reinterpret_cast<const float2*>(bias + n * 8 + threadIdx.x % 4 * 2);
#pragma unroll
    for (int half = 0; half < 2; ++half)
      a[n / 2][n % 2 * 2 + half] = pack_2<T>(gelu<T>(hidden[n * 4 + half * 2] + b.x),
                                             gelu<T>(hidden[n * 4 + half * 2 + 1] + b.y));
  }
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < 4; ++k)
    wgmma_64x16<T, Shape::c>(sums, a[k], wgmma_operand(weights + Shape::fc1_bytes) + k * 2,
                             k > 0 ? 1 : accumulate);
  wgmma_commit();
}

/// Blocks that stay and take every gridDim-th group of rows; a warp has its rows to itself. With
/// kStages 0 all weights stay in shared memory, else chunks of them stream through kStages places.
template <typename T, class Shape, int kStages, bool kWgmma, int kBlocks>
__global__ void __launch_bounds__(Shape::threads, kBlocks)
    mlp_rows_kernel(const __grid_constant__ MlpArgs p) {
  extern __shared__ __align__(1024) char shared[];
  constexpr int kTiles = Shape::block_m / Shape::warps / 16;
  constexpr bool kResident = kStages == 0;
  const int chunks = p.hidden / 64, places = kResident ? chunks : kStages,
            ahead = kResident ? chunks : kStages - 1;
  char* const rows = shared;  // two of them
  char* const weights = shared + 2 * Shape::x_bytes;
  float* const bias1 = reinterpret_cast<float*>(weights + places * Shape::chunk_bytes);
  float* const bias2 = bias1 + p.hidden;
  const int groups = (p.m + Shape::block_m - 1) / Shape::block_m, warp = threadIdx.x / 32;
  const int mine = (groups - static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) - 1) /
                   static_cast<int>(gridDim.x);
  allow_next();
  for (int c = 0; c < ahead; ++c)
    load_chunk<T, Shape>(weights + c * Shape::chunk_bytes, p, c % chunks * 64);
  for (int i = threadIdx.x; i < p.hidden; i += Shape::threads) bias1[i] = p.fc1_bias[i];
  for (int i = threadIdx.x; i < Shape::c; i += Shape::threads) bias2[i] = p.fc2_bias[i];
  wait_for_previous();
  load_rows<T, Shape>(rows, p, blockIdx.x * Shape::block_m);
  cp_async_commit();
  using Sums = RowSums<Shape, kTiles>;
  RowOperands<Shape, kTiles> x;
  for (int i = 0, turn = 0; i < mine; ++i) {
    const int first_row = (blockIdx.x + i * gridDim.x) * Shape::block_m;
    char* const current = rows + i % 2 * Shape::x_bytes;
    Sums sums;
    if constexpr (!kWgmma) sums = {};
    for (int c = 0; c < chunks; ++c, ++turn) {
      if (!kResident || c == 0) {
        if (kResident || turn == 0) {
          cp_async_wait<0>();
        } else {
          cp_async_wait<kResident ? 0 : kStages - 2>();
        }
        if constexpr (kWgmma) {
          fence_for_async();
          wgmma_wait<0>();
        }
        __syncthreads();
        // Everybody has left the chunk before, and at c = 0 the rows before.
        if (!kResident)
          load_chunk<T, Shape>(weights + (turn + ahead) % places * Shape::chunk_bytes, p,
                               (c + ahead) % chunks * 64);
        if (c == 0 && i + 1 < mine)
          load_rows<T, Shape>(rows + (i + 1) % 2 * Shape::x_bytes, p,
                              first_row + gridDim.x * Shape::block_m);
        cp_async_commit();
      }
      if (c == 0) {
        x.load(current, warp * kTiles * 16);
        if (p.layer_norm) x.template normalize<T>(p.eps);
      }
      const char* chunk = weights + (kResident ? c : turn % places) * Shape::chunk_bytes;
      if constexpr (kWgmma) {
        mlp_chunk<T, Shape>(reinterpret_cast<float(&)[Shape::c / 2]>(sums), x, chunk,
                            bias1 + c * 64, c);
      } else {
#pragma unroll
        for (int step = 0; step < 4; ++step)
          mlp_step<T, Shape, kTiles>(sums, x, chunk, step, bias1 + c * 64);
      }
    }
    if constexpr (kWgmma) wgmma_wait<0>();
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
      finish_rows<T, Shape>(p, sums.v[t], current, (warp * kTiles + t) * 16, first_row, bias2);
  }
  cp_async_wait<0>();
}

template <typename T, class Shape, int kStages, int kBlocks, bool kWgmma>
void launch_mlp_shape(const MlpArgs& a, const Launch& launch) {
  const int groups = (a.m + Shape::block_m - 1) / Shape::block_m, chunks = a.hidden / 64;
  const size_t bytes = 2 * Shape::x_bytes +
                       static_cast<size_t>(kStages == 0 ? chunks : kStages) * Shape::chunk_bytes +
                       sizeof(float) * static_cast<size_t>(a.hidden + a.c);
  launch_kernel("mlp_rows", mlp_rows_kernel<T, Shape, kStages, kWgmma, kBlocks>,
                std::min(groups, kBlocks * multiprocessors()), Shape::threads, bytes, launch, a);
}

}  // namespace vitro::cuda
