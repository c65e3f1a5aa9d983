#pragma once

#include <algorithm>
#include <tuple>

#include "backends/cuda/kernels/linear_mma.cuh"
#include "backends/cuda/kernels/linear_tma.h"
#include "backends/cuda/kernels/tensor_map.h"
#include "backends/cuda/kernels/tma.cuh"

// Products of few rows, where each kernel is a few microseconds of waiting: what counts is how many
// instructions follow each other between the end of the kernel ahead and the result. All of k is in
// shared memory at once, brought by the copy engine in a few boxes that one thread asks for;
// warps multiply on mma.sync as in linear_mma.cuh.
namespace vitro::cuda {

// The rows of kTmaTiles; stages are of no account.
using TmaShapes = std::tuple<MmaShape<16, 16, 1, 1, 4, 0>, MmaShape<16, 32, 1, 1, 4, 0>,
                             MmaShape<16, 64, 1, 2, 4, 0>, MmaShape<16, 128, 1, 4, 2, 0>,
                             MmaShape<32, 32, 1, 1, 4, 0>, MmaShape<32, 64, 1, 2, 4, 0>,
                             MmaShape<64, 64, 2, 2, 2, 0>>;

struct TmaArgs {
  CUtensorMap x, weight;  // boxes of `group` slabs of a block's rows or columns
  MmaArgs ends;
  int slabs;
  int group, groups;  // slabs that arrive together, and how often
};

inline constexpr int kMaxTmaGroup = 8;

template <class Shape>
struct TmaLayout {
  static constexpr int slab_a = Shape::block_m * kSlabBytes, slab_b = Shape::block_n * kSlabBytes;
  static size_t bytes(int slabs) {
    return static_cast<size_t>(slabs) * (slab_a + slab_b + sizeof(uint64_t)) + Shape::sum_bytes;
  }
};

/// A warp's operands of one step of 16 of k.
template <class Shape>
struct StepOperands {
  uint32_t a[Shape::tiles_m][4], b[(Shape::tiles_n + 1) / 2][4];

  __device__ __forceinline__ void load(uint32_t slab_a, uint32_t slab_b) {
#pragma unroll
    for (int mt = 0; mt < Shape::tiles_m; ++mt) ldmatrix_x4(a[mt], slab_a + mt * 16 * kSlabBytes);
#pragma unroll
    for (int nt = 0; nt < Shape::tiles_n; nt += 2)
      ldmatrix_x4(b[nt / 2], slab_b + nt * 8 * kSlabBytes);
  }
  template <typename T>
  __device__ __forceinline__ void multiply(MmaSums<Shape>& sums) const {
#pragma unroll
    for (int nt = 0; nt < Shape::tiles_n; ++nt)
#pragma unroll
      for (int mt = 0; mt < Shape::tiles_m; ++mt)
        mma_16816<T>(sums.v[mt][nt], a[mt], b[nt / 2][nt % 2 * 2], b[nt / 2][nt % 2 * 2 + 1]);
  }
};

/// Adds the products of slabs that have arrived. A warp takes every warps_k-th of a slab's four
/// steps; the operands of one are on their way while the one before is multiplied.
template <typename T, class Shape>
struct SlabMultiplier {
  using Layout = TmaLayout<Shape>;
  static constexpr int kSteps = 4 / Shape::warps_k;  // of a slab
  uint32_t first_a[kSteps], first_b[kSteps];         // in slab 0

  __device__ __forceinline__ SlabMultiplier(uint32_t slabs_a, uint32_t slabs_b) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int warp_m = warp % Shape::warps_m, warp_n = warp / Shape::warps_m % Shape::warps_n,
              warp_k = warp / (Shape::warps_m * Shape::warps_n);
    const int row_a = warp_m * Shape::tiles_m * 16 + lane % 16,
              row_b = warp_n * Shape::tiles_n * 8 + lane / 16 * 8 + lane % 8;
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const int chunk = (i * Shape::warps_k + warp_k) * 2;
      first_a[i] = slabs_a + swizzled(row_a, chunk + lane / 16);
      first_b[i] = slabs_b + swizzled(row_b, chunk + lane / 8 % 2);
    }
  }
  __device__ __forceinline__ void load(StepOperands<Shape>& operands, int slab, int step) const {
    operands.load(first_a[step] + slab * Layout::slab_a, first_b[step] + slab * Layout::slab_b);
  }
  __device__ __forceinline__ void multiply(MmaSums<Shape>& sums, int slab, int count) const {
    StepOperands<Shape> even, odd;
    load(even, slab, 0);
    if constexpr (kSteps == 1) {
      for (int s = 0; s < count; s += 2) {
        if (s + 1 < count) load(odd, slab + s + 1, 0);
        even.template multiply<T>(sums);
        if (s + 1 == count) break;
        if (s + 2 < count) load(even, slab + s + 2, 0);
        odd.template multiply<T>(sums);
      }
    } else {
      static_assert(kSteps == 2);
      for (int s = 0; s < count; ++s) {
        load(odd, slab + s, 1);
        even.template multiply<T>(sums);
        if (s + 1 < count) load(even, slab + s + 1, 0);
        odd.template multiply<T>(sums);
      }
    }
  }
};

template <typename T, class Shape>
__global__ void __launch_bounds__(Shape::threads)
    linear_tma_kernel(const __grid_constant__ TmaArgs p) {
  extern __shared__ __align__(1024) char shared[];
  using Layout = TmaLayout<Shape>;
  const MmaArgs& ends = p.ends;
  const uint32_t slabs_a = shared_address(shared), slabs_b = slabs_a + p.slabs * Layout::slab_a,
                 sums_at = slabs_b + p.slabs * Layout::slab_b,
                 barriers = sums_at + static_cast<uint32_t>(Shape::sum_bytes);
  float* const results = reinterpret_cast<float*>(shared + (sums_at - slabs_a));
  const int first_row = blockIdx.y * Shape::block_m, first_column = blockIdx.x * Shape::block_n;
  if (ends.next_early) allow_next();
  if (threadIdx.x == 0) {
    prefetch_tensor_map(&p.x);
    for (int g = 0; g < p.groups; ++g) barrier_init(barriers + g * 8, 1);
    barrier_init_fence();
    for (int g = 0; g < p.groups; ++g) {
      barrier_arrive_expect(barriers + g * 8, p.group * (Layout::slab_a + Layout::slab_b));
      copy_box(slabs_b + g * p.group * Layout::slab_b, &p.weight, 0, first_column, g * p.group,
               barriers + g * 8);
    }
  }
  using End = Epilogue<T, Shape>;
  End end(first_row, first_column);
  end.load_vectors(ends);
  const SlabMultiplier<T, Shape> multiplier(slabs_a, slabs_b);
  __syncthreads();  // the barriers are there

  wait_for_previous();
  if (threadIdx.x == 0)
    for (int g = 0; g < p.groups; ++g)
      copy_box(slabs_a + g * p.group * Layout::slab_a, &p.x, 0, first_row, g * p.group,
               barriers + g * 8);
  float2 norms[End::kShare];
  if (ends.row_sums != nullptr) {
    RowSums<End::kLanes> row_sums[End::kShare];
#pragma unroll
    for (int i = 0; i < End::kShare; ++i) {
      const int row = min(first_row + end.local_row(i), ends.m - 1);
      row_sums[i].load(ends.row_sums + row * ends.row_parts, ends.row_parts,
                       threadIdx.x % End::kLanes);
    }
#pragma unroll
    for (int i = 0; i < End::kShare; ++i) norms[i] = row_sums[i].norm(ends.scale_k, ends.eps);
  }
  end.prefetch(ends);

  MmaSums<Shape> sums{};
  for (int g = 0; g < p.groups; ++g) {
    barrier_wait(barriers + g * 8, 0);
    multiplier.multiply(sums, g * p.group, p.group);
  }
  if (!ends.next_early) allow_next();
  const int warp = threadIdx.x / 32;
  sums.store(results, warp % Shape::warps_m, warp / Shape::warps_m % Shape::warps_n,
             warp / (Shape::warps_m * Shape::warps_n));
  __syncthreads();
  with_activation(ends.activation, [&](auto activation) {
#pragma unroll
    for (int i = 0; i < End::kShare; ++i) {
      float v[8];
      end.gather(results, ends.row_sums != nullptr ? &norms[i] : nullptr, i, v);
      end.finish(ends, i, v, activation);
    }
  });
}

template <typename T, class Shape>
void launch_tma_shape(TmaArgs p, const Launch& launch) {
  p.ends.columns = (p.ends.n + Shape::block_n - 1) / Shape::block_n;
  const int rows = (p.ends.m + Shape::block_m - 1) / Shape::block_m;
  const Residency residency = residency_of(p.ends.columns * rows, TmaLayout<Shape>::bytes(p.slabs));
  p.ends.next_early = residency.next_early;
  launch_kernel("linear_tma", linear_tma_kernel<T, Shape>, dim3(p.ends.columns, rows),
                Shape::threads, residency.shared_bytes, launch, p);
}

/// call(the MmaShape of kTmaTiles[tile])
template <typename F, size_t... kTiles>
void with_tma_shape(int tile, F&& call, std::index_sequence<kTiles...>) {
  ((static_cast<int>(kTiles) == tile ? call(std::tuple_element_t<kTiles, TmaShapes>{}) : void()),
   ...);
}
template <typename F>
void with_tma_shape(int tile, F&& call) {
  with_tma_shape(tile, call, std::make_index_sequence<std::tuple_size_v<TmaShapes>>{});
}

/// One translation unit for each type: linear_tma_*.cu.
template <typename T>
void launch_tma_of(int tile, const TmaArgs& args, const Launch& launch) {
  with_tma_shape(tile, [&](auto shape) { launch_tma_shape<T, decltype(shape)>(args, launch); });
}
extern template void launch_tma_of<__half>(int, const TmaArgs&, const Launch&);
extern template void launch_tma_of<__nv_bfloat16>(int, const TmaArgs&, const Launch&);

}  // namespace vitro::cuda
