#include "backends/cuda/kernels/mlp_tile.cuh"

namespace vitro::cuda {
namespace {

/// For few rows: the warps of a block split the hidden columns of the same rows, whose sums meet in
/// shared memory.
template <typename T, class Shape>
__global__ void __launch_bounds__(Shape::threads)
    mlp_split_kernel(const __grid_constant__ MlpArgs p) {
  extern __shared__ __align__(128) char shared[];
  constexpr int kTiles = Shape::block_m / 16, kPitch = Shape::c + 8, kVectors = Shape::c / 8;
  const int chunks = p.hidden / 64;
  char* const rows = shared;
  char* const weights = shared + Shape::x_bytes;
  float* const bias1 = reinterpret_cast<float*>(weights + chunks * Shape::chunk_bytes);
  float* const parts = bias1 + p.hidden;  // [warp][row][kPitch]
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32,
            first_row = blockIdx.x * Shape::block_m;
  allow_next();
  for (int c = 0; c < chunks; ++c)
    load_chunk<T, Shape>(weights + c * Shape::chunk_bytes, p, c * 64);
  for (int i = threadIdx.x; i < p.hidden; i += Shape::threads) bias1[i] = p.fc1_bias[i];
  wait_for_previous();
  load_rows<T, Shape>(rows, p, first_row);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  if (p.layer_norm) {
    normalize_rows<T, Shape>(rows, Shape::c, p.eps);
    __syncthreads();
  }
  RowOperands<Shape, kTiles> x;
  x.load(rows, 0);
  RowSums<Shape, kTiles> sums{};
  for (int step = warp; step < p.hidden / 16; step += Shape::warps)
    mlp_step<T, Shape, kTiles>(sums, x, weights + step / 4 * Shape::chunk_bytes, step % 4,
                               bias1 + step / 4 * 64);
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float* dst =
          parts + (warp * Shape::block_m + t * 16 + half * 8 + lane / 4) * kPitch + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kVectors; ++n)
        *reinterpret_cast<float2*>(dst + n * 8) =
            float2{sums.v[t][n][half * 2], sums.v[t][n][half * 2 + 1]};
    }
  __syncthreads();
  for (int i = threadIdx.x; i < Shape::block_m * kVectors; i += Shape::threads) {
    const int row = i / kVectors, column = i % kVectors * 8;
    if (first_row + row >= p.m) continue;
    const int64_t at = static_cast<int64_t>(first_row + row) * Shape::c + column;
    float v[8], residual[8];
    Eight<float>::load(p.fc2_bias + column).unpack(v);
    Eight<T>::load(static_cast<const T*>(p.x) + at).unpack(residual);
#pragma unroll
    for (int w = 0; w < Shape::warps; ++w) {
      float s[8];
      Eight<float>::load(parts + (w * Shape::block_m + row) * kPitch + column).unpack(s);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += s[e];
    }
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] += residual[e];
    Eight<T>::store(static_cast<T*>(p.y) + at, v);
  }
}

template <typename T, class Shape>
void launch_shape(const MlpArgs& a, const Launch& launch) {
  const int groups = (a.m + Shape::block_m - 1) / Shape::block_m;
  const size_t bytes =
      Shape::x_bytes + static_cast<size_t>(a.hidden / 64) * Shape::chunk_bytes +
      sizeof(float) *
          static_cast<size_t>(a.hidden + Shape::warps * Shape::block_m * (Shape::c + 8));
  launch_kernel("mlp_split", mlp_split_kernel<T, Shape>, groups, Shape::threads, bytes, launch, a);
}

}  // namespace

void launch_mlp_split(const MlpArgs& a, const Launch& launch) {
  using Shape = MlpShape<64, 8, 16>;
  if (a.element == Element::Float16) return launch_shape<__half, Shape>(a, launch);
  launch_shape<__nv_bfloat16, Shape>(a, launch);
}

}  // namespace vitro::cuda
