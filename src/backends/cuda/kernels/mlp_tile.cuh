#pragma once

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/mlp_kernels.h"
#include "backends/cuda/kernels/mma_slab.cuh"

// What the mlp kernels share: rows of x and chunks of 64 hidden columns in shared memory, and the
// step that takes 16 hidden columns from x through both products without leaving registers.
namespace vitro::cuda {

/// The rows of a block. `block_m` and `threads` are what normalize_rows asks for.
template <int kC, int kWarps, int kRows>
struct MlpShape {
  static constexpr int c = kC, warps = kWarps, block_m = kRows, threads = 32 * kWarps;
  static constexpr int slabs = kC / 64;                            // of x and of fc1's rows
  static constexpr int x_bytes = slabs * kRows * kSlabBytes;       // [slab][row][128 bytes]
  static constexpr int fc1_bytes = slabs * 64 * kSlabBytes;        // [slab][hidden][128 bytes]
  static constexpr int chunk_bytes = fc1_bytes + kC * kSlabBytes;  // fc2: [c][128 bytes]
};

template <typename T, class Shape>
__device__ __forceinline__ void load_rows(char* x, const MlpArgs& p, int first_row) {
  constexpr int kChunks = Shape::c / 8;
  const T* src = static_cast<const T*>(p.x);
#pragma unroll
  for (int i = threadIdx.x; i < Shape::block_m * kChunks; i += Shape::threads) {
    const int row = i / kChunks, chunk = i % kChunks;
    const bool inside = first_row + row < p.m;
    cp_async_16(x + chunk / 8 * Shape::block_m * kSlabBytes + swizzled(row, chunk % 8),
                inside ? src + static_cast<int64_t>(first_row + row) * Shape::c + chunk * 8 : src,
                inside);
  }
}

/// Hidden columns first_hidden .. + 63: rows of fc1 and columns of fc2.
template <typename T, class Shape>
__device__ __forceinline__ void load_chunk(char* chunk, const MlpArgs& p, int first_hidden) {
  constexpr int kVectors = Shape::c / 8;
  const T* fc1 =
      static_cast<const T*>(p.fc1_weight) + static_cast<int64_t>(first_hidden) * Shape::c;
  const T* fc2 = static_cast<const T*>(p.fc2_weight) + first_hidden;
#pragma unroll
  for (int i = threadIdx.x; i < 64 * kVectors; i += Shape::threads) {
    const int row = i / kVectors, v = i % kVectors;
    cp_async_16(chunk + v / 8 * 64 * kSlabBytes + swizzled(row, v % 8),
                fc1 + row * Shape::c + v * 8);
  }
#pragma unroll
  for (int i = threadIdx.x; i < Shape::c * 8; i += Shape::threads) {
    const int row = i / 8, v = i % 8;
    cp_async_16(chunk + Shape::fc1_bytes + swizzled(row, v),
                fc2 + static_cast<int64_t>(row) * p.hidden + v * 8);
  }
}

/// kTiles times 16 rows as left operands.
template <class Shape, int kTiles>
struct RowOperands {
  uint32_t a[kTiles][Shape::c / 16][4];
  __device__ __forceinline__ void load(const char* x, int first_row) {
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int k = 0; k < Shape::c / 16; ++k)
        load_16x16(a[t][k], x + k / 4 * Shape::block_m * kSlabBytes, first_row + t * 16, k % 4 * 2);
  }
  /// Normalises every row, which four lanes share.
  template <typename T>
  __device__ __forceinline__ void normalize(float eps) {
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float sum = 0, squares = 0;
        for_pairs<T>(t, half, [&](float2 v) {
          sum += v.x + v.y;
          return v;
        });
        const float mean = sum_lanes<4>(sum) / Shape::c;
        for_pairs<T>(t, half, [&](float2 v) {
          squares = fmaf(v.x - mean, v.x - mean, fmaf(v.y - mean, v.y - mean, squares));
          return v;
        });
        const float scale = rsqrtf(sum_lanes<4>(squares) / Shape::c + eps);
        for_pairs<T>(t, half, [&](float2 v) {
          return float2{(v.x - mean) * scale, (v.y - mean) * scale};
        });
      }
  }

 private:
  /// Replaces every pair of this thread in one row.
  template <typename T, typename Map>
  __device__ __forceinline__ void for_pairs(int t, int half, const Map& map) {
#pragma unroll
    for (int k = 0; k < Shape::c / 16; ++k)
#pragma unroll
      for (int i = half; i < 4; i += 2) {
        const float2 v = map(unpack_2<T>(a[t][k][i]));
        a[t][k][i] = pack_2<T>(v.x, v.y);
      }
  }
};

template <class Shape, int kTiles>
struct RowSums {
  float v[kTiles][Shape::c / 8][4];
};

/// Hidden columns step * 16 .. + 15 of a chunk, whose biases of fc1 are at `bias` in shared memory.
template <typename T, class Shape, int kTiles>
__device__ __forceinline__ void mlp_step(RowSums<Shape, kTiles>& sums,
                                         const RowOperands<Shape, kTiles>& x, const char* chunk,
                                         int step, const float* bias) {
  const int lane = threadIdx.x % 32, row = lane / 16 * 8 + lane % 8, half = lane / 8 % 2;
  float hidden[kTiles][2][4];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float2 b = *reinterpret_cast<const float2*>(bias + step * 16 + i * 8 + lane % 4 * 2);
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      hidden[t][i][0] = hidden[t][i][2] = b.x;
      hidden[t][i][1] = hidden[t][i][3] = b.y;
    }
  }
#pragma unroll
  for (int k = 0; k < Shape::c / 16; ++k) {
    uint32_t b[4];
    ldmatrix_x4(b, chunk + k / 4 * 64 * kSlabBytes + swizzled(step * 16 + row, k % 4 * 2 + half));
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      mma_16816<T>(hidden[t][0], x.a[t][k], b[0], b[1]);
      mma_16816<T>(hidden[t][1], x.a[t][k], b[2], b[3]);
    }
  }
  // Results of a product lie as the left operand of the next does.
  uint32_t a[kTiles][4];
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[t][i] =
          pack_2<T>(gelu<T>(hidden[t][i / 2][i % 2 * 2]), gelu<T>(hidden[t][i / 2][i % 2 * 2 + 1]));
#pragma unroll
  for (int n = 0; n < Shape::c / 8; n += 2) {
    uint32_t b[4];
    ldmatrix_x4(b, chunk + Shape::fc1_bytes + swizzled(n * 8 + row, step * 2 + half));
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      mma_16816<T>(sums.v[t][n], a[t], b[0], b[1]);
      mma_16816<T>(sums.v[t][n + 1], a[t], b[2], b[3]);
    }
  }
}

}  // namespace vitro::cuda
