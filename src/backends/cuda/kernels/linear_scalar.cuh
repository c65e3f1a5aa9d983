#pragma once

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/ptx.cuh"

// The product on FFMA, for float32 and for extents and addresses that the tensor cores' tiles do
// not take. A reader says what x[row, column] is.
namespace vitro::cuda {

struct ScalarShape {
  static constexpr int block = 64, depth = 16, threads = 256, each = 4, pitch = block + 4;
};

/// x[row, column] of a matrix.
template <typename T>
struct MatrixReader {
  const T* x;
  int k;
  __device__ __forceinline__ float operator()(int row, int column) const {
    return to_float(x[static_cast<int64_t>(row) * k + column]);
  }
};

/// Mean and 1 / deviation of the block's rows; four lanes share a row.
template <class Reader>
__device__ void row_statistics(const LinearArgs& p, const Reader& x, int first_row, float* mean,
                               float* scale) {
  const int row = threadIdx.x / 4, lane = threadIdx.x % 4, at = min(first_row + row, p.m - 1);
  float sum = 0, squares = 0;
  for (int i = lane; i < p.k; i += 4) sum += x(at, i);
  const float average = sum_lanes<4>(sum) / static_cast<float>(p.k);
  for (int i = lane; i < p.k; i += 4) {
    const float d = x(at, i) - average;
    squares = fmaf(d, d, squares);
  }
  mean[row] = average;
  scale[row] = rsqrtf(sum_lanes<4>(squares) / static_cast<float>(p.k) + p.eps);
}

/// 64 x 64 results a block, 4 x 4 a thread, 16 of k at a time through shared memory.
template <typename T, class Reader>
__global__ void __launch_bounds__(ScalarShape::threads)
    linear_scalar_kernel(LinearArgs p, Reader x) {
  constexpr int kBlock = ScalarShape::block, kDepth = ScalarShape::depth,
                kThreads = ScalarShape::threads;
  constexpr int kEach = ScalarShape::each, kPitch = ScalarShape::pitch;
  __shared__ __align__(16) float a[kDepth][kPitch], b[kDepth][kPitch];
  __shared__ float mean[kBlock], scale[kBlock];
  const int first_row = blockIdx.y * kBlock, first_column = blockIdx.x * kBlock;
  const T* weight = static_cast<const T*>(p.weight);
  allow_next();
  wait_for_previous();
  if (p.layer_norm) row_statistics(p, x, first_row, mean, scale);
  float sums[kEach][kEach] = {};
  const int row0 = threadIdx.x / 16 * kEach, column0 = threadIdx.x % 16 * kEach;
  for (int k0 = 0; k0 < p.k; k0 += kDepth) {
    __syncthreads();
#pragma unroll
    for (int i = threadIdx.x; i < kBlock * kDepth; i += kThreads) {
      const int d = i % kDepth, r = i / kDepth, row = first_row + r, column = first_column + r;
      const bool inside = k0 + d < p.k;
      float v = inside && row < p.m ? x(row, k0 + d) : 0.0f;
      // Rounded as the normalised row would be if it were stored.
      if (p.layer_norm && inside) v = to_float(from_float<T>((v - mean[r]) * scale[r]));
      a[d][r] = v;
      b[d][r] = inside && column < p.n
                    ? to_float(weight[static_cast<int64_t>(column) * p.k + k0 + d])
                    : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      const float4 va = *reinterpret_cast<const float4*>(&a[d][row0]);
      const float4 vb = *reinterpret_cast<const float4*>(&b[d][column0]);
      const float fa[kEach] = {va.x, va.y, va.z, va.w}, fb[kEach] = {vb.x, vb.y, vb.z, vb.w};
#pragma unroll
      for (int i = 0; i < kEach; ++i)
#pragma unroll
        for (int j = 0; j < kEach; ++j) sums[i][j] = fmaf(fa[i], fb[j], sums[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i)
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int row = first_row + row0 + i, column = first_column + column0 + j;
      if (row >= p.m || column >= p.n) continue;
      const int64_t at = static_cast<int64_t>(row) * p.n + column;
      float v = sums[i][j] + (p.bias != nullptr ? p.bias[column] : 0.0f);
      if (p.residual != nullptr) v += to_float(static_cast<const T*>(p.residual)[at]);
      static_cast<T*>(p.y)[at] = from_float<T>(activate<T>(p.activation, v));
    }
}

template <typename T, class Reader>
void launch_scalar(const LinearArgs& args, const Reader& reader, const Launch& launch) {
  constexpr int kBlock = ScalarShape::block;
  const dim3 grid((args.n + kBlock - 1) / kBlock, (args.m + kBlock - 1) / kBlock);
  launch_kernel("linear_scalar", linear_scalar_kernel<T, Reader>, grid, ScalarShape::threads, 0,
                launch, args, reader);
}

}  // namespace vitro::cuda
