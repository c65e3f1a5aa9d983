#include "backends/cuda/kernels/mlp_tile.cuh"

namespace vitro::cuda {
namespace {

/// For few rows: the warps of a cluster of kCluster blocks split the hidden columns of the same rows,
/// whose sums meet in shared memory, first those of a block, then those of the cluster.
template <typename T, class Shape, int kCluster>
__global__ void __launch_bounds__(Shape::threads) mlp_split_kernel(const __grid_constant__ MlpArgs p) {
  extern __shared__ __align__(128) char shared[];
  constexpr int kTiles = Shape::block_m / 16, kPitch = Shape::c + 8, kVectors = Shape::c / 8;
  const int share = p.hidden / kCluster, chunks = share / 64;
  char* const rows = shared;
  char* const weights = shared + Shape::x_bytes;
  float* const bias1 = reinterpret_cast<float*>(weights + chunks * Shape::chunk_bytes);
  float* const parts = bias1 + share;  // [warp][row][kPitch]
  const int rank = kCluster > 1 ? static_cast<int>(cluster_rank()) : 0, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int first_row = static_cast<int>(blockIdx.x) / kCluster * Shape::block_m;
  allow_next();
  for (int c = 0; c < chunks; ++c) load_chunk<T, Shape>(weights + c * Shape::chunk_bytes, p, rank * share + c * 64);
  for (int i = threadIdx.x; i < share; i += Shape::threads) bias1[i] = p.fc1_bias[rank * share + i];
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
  for (int step = warp; step < share / 16; step += Shape::warps)
    mlp_step<T, Shape, kTiles>(sums, x, weights + step / 4 * Shape::chunk_bytes, step % 4, bias1 + step / 4 * 64);
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float* dst = parts + (warp * Shape::block_m + t * 16 + half * 8 + lane / 4) * kPitch + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kVectors; ++n)
        *reinterpret_cast<float2*>(dst + n * 8) = float2{sums.v[t][n][half * 2], sums.v[t][n][half * 2 + 1]};
    }
  __syncthreads();
  // A thread's eight columns of a row, over the block.
  auto gather = [&](int row, int column, float (&v)[8]) {
#pragma unroll
    for (int w = 0; w < Shape::warps; ++w) {
      float s[8];
      Eight<float>::load(parts + (w * Shape::block_m + row) * kPitch + column).unpack(s);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] = w == 0 ? s[e] : v[e] + s[e];
    }
  };
  if constexpr (kCluster > 1) {
    for (int i = threadIdx.x; i < Shape::block_m * kVectors; i += Shape::threads) {
      float v[8];
      gather(i / kVectors, i % kVectors * 8, v);
      Eight<float>::store(parts + i / kVectors * kPitch + i % kVectors * 8, v);
    }
    cluster_sync();
  }
  constexpr int kShare = Shape::block_m / kCluster;  // of the rows a block finishes
  for (int i = threadIdx.x; i < kShare * kVectors; i += Shape::threads) {
    const int row = rank * kShare + i / kVectors, column = i % kVectors * 8;
    float v[8];
    if constexpr (kCluster > 1) {
#pragma unroll
      for (int r = 0; r < kCluster; ++r) {
        const float4 low = load_cluster_float4(parts + row * kPitch + column, r);
        const float4 high = load_cluster_float4(parts + row * kPitch + column + 4, r);
        const float s[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = r == 0 ? s[e] : v[e] + s[e];
      }
    } else {
      gather(row, column, v);
    }
    if (first_row + row >= p.m) continue;
    const int64_t at = static_cast<int64_t>(first_row + row) * Shape::c + column;
    float bias[8], residual[8];
    Eight<float>::load(p.fc2_bias + column).unpack(bias);
    Eight<T>::load(static_cast<const T*>(p.x) + at).unpack(residual);
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] += bias[e] + residual[e];
    Eight<T>::store(static_cast<T*>(p.y) + at, v);
  }
  if constexpr (kCluster > 1) cluster_sync();  // a block's sums outlive their readers
}

template <typename T, class Shape, int kCluster>
void launch_shape(const MlpArgs& a, const Launch& launch) {
  const int groups = (a.m + Shape::block_m - 1) / Shape::block_m, share = a.hidden / kCluster;
  const size_t bytes = Shape::x_bytes + static_cast<size_t>(share / 64) * Shape::chunk_bytes +
                       sizeof(float) * static_cast<size_t>(share + Shape::warps * Shape::block_m * (Shape::c + 8));
  launch_cluster("mlp_split", mlp_split_kernel<T, Shape, kCluster>, groups * kCluster, Shape::threads, kCluster, bytes,
                 launch, a);
}

template <typename T>
void launch_split(const MlpArgs& a, int index, const Launch& launch) {
  switch (index) {
    case 0:
      return launch_shape<T, MlpShape<64, 8, 16>, 1>(a, launch);
    case 1:
      return launch_shape<T, MlpShape<64, 8, 32>, 1>(a, launch);
    case 2:
      return launch_shape<T, MlpShape<128, 8, 16>, 4>(a, launch);
    default:
      return launch_shape<T, MlpShape<128, 8, 32>, 4>(a, launch);
  }
}

}  // namespace

void launch_mlp_split(const MlpArgs& a, int index, const Launch& launch) {
  if (a.element == Element::Float16) return launch_split<__half>(a, index, launch);
  launch_split<__nv_bfloat16>(a, index, launch);
}

}  // namespace vitro::cuda
