#include "backends/cuda/kernels/matmul.h"

#include <algorithm>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kTile = 16;

/// A thread per result of a 16 x 16 tile; grid (tiles of n, tiles of m, matrices).
template <typename T>
__global__ void __launch_bounds__(kTile* kTile) matmul_kernel(MatmulArgs args) {
  __shared__ float a_tile[kTile][kTile + 1], b_tile[kTile][kTile + 1];
  wait_for_previous();
  allow_next();
  const int x = threadIdx.x % kTile, y = threadIdx.x / kTile;
  const int column = blockIdx.x * kTile + x, row = blockIdx.y * kTile + y;
  for (int64_t i = blockIdx.z; i < args.batch; i += gridDim.z) {
    const T* a = static_cast<const T*>(args.a) + i * args.a_batch_stride;
    const T* b = static_cast<const T*>(args.b) + i * args.b_batch_stride;
    float sum = 0;
    for (int k0 = 0; k0 < args.k; k0 += kTile) {
      a_tile[y][x] = row < args.m && k0 + x < args.k
                         ? to_float(a[static_cast<int64_t>(row) * args.k + k0 + x])
                         : 0;
      // b_tile is [n][k] when b is, so that both are read along their rows.
      const int n = blockIdx.x * kTile + (args.transpose_b ? y : x),
                k = k0 + (args.transpose_b ? x : y);
      const bool inside = n < args.n && k < args.k;
      b_tile[y][x] = inside ? to_float(args.transpose_b ? b[static_cast<int64_t>(n) * args.k + k]
                                                        : b[static_cast<int64_t>(k) * args.n + n])
                            : 0;
      __syncthreads();
#pragma unroll
      for (int j = 0; j < kTile; ++j)
        sum = fmaf(a_tile[y][j], args.transpose_b ? b_tile[x][j] : b_tile[j][x], sum);
      __syncthreads();
    }
    if (row < args.m && column < args.n)
      static_cast<T*>(args.y)[(i * args.m + row) * args.n + column] = from_float<T>(sum);
  }
}

}  // namespace

void matmul(const MatmulArgs& args, const Launch& launch) {
  if (args.batch == 0 || args.m == 0 || args.n == 0) return;
  if (args.m > 65535 * kTile)
    throw std::invalid_argument("matmul: " + std::to_string(args.m) +
                                " rows, more than the 1048560 of one launch");
  with_element(args.element, [&](auto tag) {
    launch_kernel("matmul", matmul_kernel<typename decltype(tag)::type>,
                  dim3((args.n + kTile - 1) / kTile, (args.m + kTile - 1) / kTile,
                       static_cast<unsigned>(std::min<int64_t>(args.batch, 65535))),
                  dim3(kTile * kTile), 0, launch, args);
  });
}

}  // namespace vitro::cuda
