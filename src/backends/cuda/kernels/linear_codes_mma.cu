#include "backends/cuda/kernels/linear_codes_mma.h"

#include <algorithm>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/codes.cuh"
#include "backends/cuda/kernels/mma_slab.cuh"

// Products of codes where there is no wgmma. Slabs of 128 codes of each row come through a ring in
// shared memory by cp.async; the exact sums meet there, too, before they are finished by rows.
namespace vitro::cuda {
namespace {

template <int kBlockM, int kBlockN, int kWarpsM, int kWarpsN, int kStages>
struct CodesShape {
  static constexpr int block_m = kBlockM, block_n = kBlockN, stages = kStages;
  static constexpr int warps_m = kWarpsM;
  static constexpr int threads = 32 * kWarpsM * kWarpsN;
  static constexpr int tiles_m = kBlockM / kWarpsM / 16, tiles_n = kBlockN / kWarpsN / 8;
  static constexpr int pitch = kBlockN + 8;  // of the sums, without bank conflicts
  static constexpr int slab_bytes = (kBlockM + kBlockN) * kSlabBytes;
  static constexpr int bytes = std::max(kStages * slab_bytes, kBlockM* pitch * 4);
};
using LargeShape = CodesShape<128, 128, 2, 4, 3>;
using SmallShape = CodesShape<64, 64, 2, 2, 4>;

/// The sums of a warp, as mma.sync leaves them.
template <class Shape>
struct CodesSums {
  int v[Shape::tiles_m][Shape::tiles_n][4] = {};

  __device__ __forceinline__ void add_slab(const char* a, const char* b, int warp_m, int warp_n) {
    const int lane = threadIdx.x % 32;
    const int row_a = warp_m * Shape::tiles_m * 16 + lane % 16,
              row_b = warp_n * Shape::tiles_n * 8 + lane / 16 * 8 + lane % 8;
#pragma unroll
    for (int step = 0; step < kSlabBytes / 32; ++step) {
      uint32_t fa[Shape::tiles_m][4];
#pragma unroll
      for (int mt = 0; mt < Shape::tiles_m; ++mt)
        ldmatrix_x4(fa[mt], a + swizzled(row_a + mt * 16, step * 2 + lane / 16));
#pragma unroll
      for (int nt = 0; nt < Shape::tiles_n; nt += 2) {
        uint32_t fb[4];
        ldmatrix_x4(fb, b + swizzled(row_b + nt * 8, step * 2 + lane / 8 % 2));
#pragma unroll
        for (int mt = 0; mt < Shape::tiles_m; ++mt) {
          mma_16832_codes(v[mt][nt], fa[mt], fb[0], fb[1]);
          mma_16832_codes(v[mt][nt + 1], fa[mt], fb[2], fb[3]);
        }
      }
    }
  }
  __device__ __forceinline__ void store(int* shared, int warp_m, int warp_n) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int mt = 0; mt < Shape::tiles_m; ++mt)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = (warp_m * Shape::tiles_m + mt) * 16 + half * 8 + lane / 4;
        int* to = shared + row * Shape::pitch + warp_n * Shape::tiles_n * 8 + lane % 4 * 2;
#pragma unroll
        for (int nt = 0; nt < Shape::tiles_n; ++nt)
          *reinterpret_cast<int2*>(to + nt * 8) =
              int2{v[mt][nt][half * 2], v[mt][nt][half * 2 + 1]};
      }
  }
};

/// Eight columns of every few rows of a block, from its sums to its results.
template <typename T, class Shape>
struct CodesFinish {
  static constexpr int kLanes = Shape::block_n / 8;
  const LinearCodesArgs& a;
  int column;
  float bias[8], scale[8], factor[8], offset[8];

  __device__ __forceinline__ CodesFinish(const LinearCodesArgs& args, int first_column)
      : a(args), column(first_column + threadIdx.x % kLanes * 8) {
    load(a.bias, bias), load(a.scale, scale), load(a.factor, factor), load(a.offset, offset);
  }
  __device__ __forceinline__ void load(const float* from, float (&v)[8]) const {
    (from != nullptr && column < a.n ? Eight<float>::load(from + column) : Eight<float>::zero())
        .unpack(v);
  }
  template <class Act>
  __device__ __forceinline__ void run(const int* sums, int first_row, Act act) const {
#pragma unroll 4
    for (int local = threadIdx.x / kLanes; local < Shape::block_m;
         local += Shape::threads / kLanes) {
      const int row = first_row + local;
      if (row >= a.m || column >= a.n) continue;
      const int64_t at = static_cast<int64_t>(row) * a.n + column;
      const int* from = sums + local * Shape::pitch + threadIdx.x % kLanes * 8;
      float v[8], residual[8]{};
      if (a.residual != nullptr)
        Eight<T>::load(static_cast<const T*>(a.residual) + at).unpack(residual);
#pragma unroll
      for (int e = 0; e < 8; ++e)
        v[e] = act.template apply<T>(fmaf(static_cast<float>(from[e]), scale[e], bias[e]) +
                                     residual[e]);
      if (a.factor == nullptr)
        Eight<T>::store(static_cast<T*>(a.y) + at, v);
      else
        *reinterpret_cast<uint2*>(static_cast<uint8_t*>(a.y) + at) =
            eight_codes<CodeKind::Integer>([&](int e) { return v[e]; }, factor, offset);
    }
  }
};

template <typename T, class Shape>
__global__ void __launch_bounds__(Shape::threads)
    linear_codes_mma_kernel(const __grid_constant__ LinearCodesArgs a, int columns) {
  extern __shared__ __align__(1024) char shared[];
  const int first_row = blockIdx.x / columns * Shape::block_m,
            first_column = blockIdx.x % columns * Shape::block_n;
  const int warp = threadIdx.x / 32, warp_m = warp % Shape::warps_m, warp_n = warp / Shape::warps_m;
  const int slabs = (a.k + kSlabBytes - 1) / kSlabBytes;
  const auto *x = static_cast<const uint8_t*>(a.x), *weight = static_cast<const uint8_t*>(a.weight);
  SlabLoader<uint8_t, Shape::block_m, Shape::threads> rows;
  SlabLoader<uint8_t, Shape::block_n, Shape::threads> weights;
  rows.set_matrix(x, first_row, a.m, a.k);
  weights.set_matrix(weight, first_column, a.n, a.k);
  const auto place = [&](int slab) { return shared + slab % Shape::stages * Shape::slab_bytes; };
  const auto fetch_weights = [&](int slab) {
    weights.load(place(slab) + Shape::block_m * kSlabBytes, weight, slab * kSlabBytes,
                 slab * kSlabBytes, a.k);
  };
  const auto fetch_rows = [&](int slab) {
    rows.load(place(slab), x, slab * kSlabBytes, slab * kSlabBytes, a.k);
  };
  constexpr int kAhead = Shape::stages - 1;
  for (int s = 0; s < min(kAhead, slabs); ++s) fetch_weights(s);
  wait_for_previous();
  allow_next();
#pragma unroll
  for (int s = 0; s < kAhead; ++s) {
    if (s < slabs) fetch_rows(s);
    cp_async_commit();
  }
  CodesSums<Shape> sums;
  for (int s = 0; s < slabs; ++s) {
    cp_async_wait<kAhead - 1>();
    __syncthreads();
    if (s + kAhead < slabs) fetch_weights(s + kAhead), fetch_rows(s + kAhead);
    cp_async_commit();
    sums.add_slab(place(s), place(s) + Shape::block_m * kSlabBytes, warp_m, warp_n);
  }
  cp_async_wait<0>();
  const CodesFinish<T, Shape> finish(a, first_column);
  __syncthreads();
  int* const results = reinterpret_cast<int*>(shared);
  sums.store(results, warp_m, warp_n);
  __syncthreads();
  with_activation(a.activation, [&](auto act) { finish.run(results, first_row, act); });
}

template <typename T, class Shape>
void launch_shape(const LinearCodesArgs& a, const Launch& launch) {
  const int columns = (a.n + Shape::block_n - 1) / Shape::block_n;
  const int blocks = columns * ((a.m + Shape::block_m - 1) / Shape::block_m);
  launch_kernel("linear_codes_mma", linear_codes_mma_kernel<T, Shape>, dim3(blocks),
                dim3(Shape::threads), Shape::bytes, launch, a, columns);
}

/// Large blocks where they occupy the multiprocessors.
template <typename T>
void launch_type(const LinearCodesArgs& a, const Launch& launch) {
  const int64_t large = static_cast<int64_t>((a.m + 127) / 128) * ((a.n + 127) / 128);
  if (large >= multiprocessors()) return launch_shape<T, LargeShape>(a, launch);
  launch_shape<T, SmallShape>(a, launch);
}

}  // namespace

void linear_codes_mma(const LinearCodesArgs& a, const Launch& launch) {
  a.element == Element::Float16 ? launch_type<__half>(a, launch)
                                : launch_type<__nv_bfloat16>(a, launch);
}

}  // namespace vitro::cuda
