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
  int group;  // slabs that arrive together, a divisor of slabs
};

inline constexpr int kMaxTmaGroup = 8;

template <class Shape>
struct TmaLayout {
  static constexpr int slab_a = Shape::block_m * kSlabBytes, slab_b = Shape::block_n * kSlabBytes;
  static size_t bytes(int slabs) {
    return static_cast<size_t>(slabs) * (slab_a + slab_b + sizeof(uint64_t)) + Shape::sum_bytes;
  }
};

template <typename T, class Shape>
__global__ void __launch_bounds__(Shape::threads)
    linear_tma_kernel(const __grid_constant__ TmaArgs p) {
#if __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) char shared[];
  using Layout = TmaLayout<Shape>;
  const MmaArgs& ends = p.ends;
  char* const slabs_a = shared;
  char* const slabs_b = slabs_a + p.slabs * Layout::slab_a;
  float* const results = reinterpret_cast<float*>(slabs_b + p.slabs * Layout::slab_b);
  const uint32_t barriers = shared_address(results) + static_cast<uint32_t>(Shape::sum_bytes);
  const int first_row = blockIdx.x / ends.columns * Shape::block_m,
            first_column = blockIdx.x % ends.columns * Shape::block_n;
  const int groups = p.slabs / p.group;
  if (ends.next_early) allow_next();
  if (threadIdx.x == 0) {
    for (int g = 0; g < groups; ++g) barrier_init(barriers + g * 8, 1);
    barrier_init_fence();
    for (int g = 0; g < groups; ++g) {
      barrier_arrive_expect(barriers + g * 8, p.group * (Layout::slab_a + Layout::slab_b));
      copy_box(shared_address(slabs_b) + g * p.group * Layout::slab_b, &p.weight, 0, first_column,
               g * p.group, barriers + g * 8);
    }
  }
  using End = Epilogue<T, Shape>;
  End end(first_row, first_column);
  end.load_vector(ends.bias, ends, end.bias);
  if (ends.row_sums != nullptr) end.load_vector(ends.weight_sums, ends, end.total);
  __syncthreads();  // the barriers are there

  wait_for_previous();
  if (threadIdx.x == 0)
    for (int g = 0; g < groups; ++g)
      copy_box(shared_address(slabs_a) + g * p.group * Layout::slab_a, &p.x, 0, first_row,
               g * p.group, barriers + g * 8);
  RowSums<End::kLanes> row_sums[End::kShare];
  if (ends.row_sums != nullptr)
#pragma unroll
    for (int i = 0; i < End::kShare; ++i) {
      const int row = min(first_row + end.local_row(i), ends.m - 1);
      row_sums[i].load(ends.row_sums + static_cast<int64_t>(row) * ends.row_parts, ends.row_parts,
                       threadIdx.x % End::kLanes);
    }
  end.prefetch(ends);

  const int warp = threadIdx.x / 32, warp_m = warp % Shape::warps_m,
            warp_n = warp / Shape::warps_m % Shape::warps_n,
            warp_k = warp / (Shape::warps_m * Shape::warps_n);
  Sums<Shape> sums{};
  for (int g = 0; g < groups; ++g) {
    barrier_wait(barriers + g * 8, 0);
#pragma unroll 4
    for (int s = g * p.group; s < (g + 1) * p.group; ++s)
      multiply_slab<T, Shape>(sums, slabs_a + s * Layout::slab_a, slabs_b + s * Layout::slab_b,
                              warp_m, warp_n, warp_k);
  }
  if (!ends.next_early) allow_next();
  store_sums<Shape>(sums, results, warp_m, warp_n, warp_k);
  __syncthreads();
#pragma unroll
  for (int i = 0; i < End::kShare; ++i) {
    float v[8];
    float2 norm{};
    if (ends.row_sums != nullptr) norm = row_sums[i].norm(ends.k, ends.eps);
    end.gather(results, ends.row_sums != nullptr ? &norm : nullptr, i, v);
    end.finish(ends, i, v);
  }
#endif
}

template <typename T, class Shape>
void launch_tma_shape(TmaArgs p, const Launch& launch) {
  p.ends.columns = (p.ends.n + Shape::block_n - 1) / Shape::block_n;
  const int blocks = p.ends.columns * ((p.ends.m + Shape::block_m - 1) / Shape::block_m);
  const Residency residency = residency_of(blocks, TmaLayout<Shape>::bytes(p.slabs));
  p.ends.next_early = residency.next_early;
  launch_kernel("linear_tma", linear_tma_kernel<T, Shape>, blocks, Shape::threads,
                residency.shared_bytes, launch, p);
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
