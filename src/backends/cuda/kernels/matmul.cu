#include "backends/cuda/kernels/matmul.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kTile = 16;

/// Element (row, column) of a matrix [rows, columns], 0 outside of it. Transposed it lies as
/// [columns, rows].
template <typename T>
__device__ __forceinline__ float element_at(const T* matrix, int row, int column, int rows,
                                            int columns, bool transposed) {
  if (row >= rows || column >= columns) return 0.0f;
  return to_float(transposed ? matrix[static_cast<int64_t>(column) * rows + row]
                             : matrix[static_cast<int64_t>(row) * columns + column]);
}

/// A thread per result of a 16 x 16 tile; grid (tiles of n, tiles of m, matrices).
template <typename T>
__global__ void __launch_bounds__(kTile* kTile)
    matmul_kernel(MatmulArgs args, StridedWalk batch, int64_t matrices) {
  __shared__ float a_tile[kTile][kTile + 1], b_tile[kTile][kTile + 1];
  wait_for_previous();
  allow_next();
  const int x = threadIdx.x % kTile, y = threadIdx.x / kTile;
  const int column = blockIdx.x * kTile + x, row = blockIdx.y * kTile + y;
  for (int64_t i = blockIdx.z; i < matrices; i += gridDim.z) {
    int64_t rest = i, a_offset = 0, b_offset = 0;
    for (int d = batch.rank - 1; d >= 0; --d) {
      const int64_t at = rest % batch.dims[d];
      rest /= batch.dims[d];
      a_offset += at * batch.strides[0][d];
      b_offset += at * batch.strides[1][d];
    }
    const T* a = static_cast<const T*>(args.a) + a_offset;
    const T* b = static_cast<const T*>(args.b) + b_offset;
    float sum = 0;
    for (int k0 = 0; k0 < args.k; k0 += kTile) {
      // Tiles lie as the matrices do, so that both are read along their rows: a_tile is [k][m] and
      // b_tile [n][k] where they are transposed.
      a_tile[y][x] = element_at(a, blockIdx.y * kTile + (args.transpose_a ? x : y),
                                k0 + (args.transpose_a ? y : x), args.m, args.k, args.transpose_a);
      b_tile[y][x] = element_at(b, k0 + (args.transpose_b ? x : y),
                                blockIdx.x * kTile + (args.transpose_b ? y : x), args.k, args.n,
                                args.transpose_b);
      __syncthreads();
#pragma unroll
      for (int j = 0; j < kTile; ++j)
        sum = fmaf(args.transpose_a ? a_tile[j][y] : a_tile[y][j],
                   args.transpose_b ? b_tile[x][j] : b_tile[j][x], sum);
      __syncthreads();
    }
    if (row < args.m && column < args.n)
      static_cast<T*>(args.y)[(i * args.m + row) * args.n + column] = from_float<T>(sum);
  }
}

}  // namespace

void matmul(const MatmulArgs& args, const Launch& launch) {
  const int64_t matrices = element_count(args.batch);
  if (matrices == 0 || args.m == 0 || args.n == 0) return;
  if (args.m > 65535 * kTile)
    throw std::invalid_argument("matmul: " + std::to_string(args.m) +
                                " rows, more than the 1048560 of one launch");
  const StridedWalk batch =
      collapse("matmul", args.batch, args.a_batch_strides, args.b_batch_strides);
  with_element(args.element, [&](auto tag) {
    launch_kernel("matmul", matmul_kernel<typename decltype(tag)::type>,
                  dim3((args.n + kTile - 1) / kTile, (args.m + kTile - 1) / kTile,
                       static_cast<unsigned>(std::min<int64_t>(matrices, 65535))),
                  dim3(kTile * kTile), 0, launch, args, batch, matrices);
  });
}

}  // namespace vitro::cuda
