#pragma once

#include <algorithm>
#include <tuple>
#include <utility>

#include "backends/cuda/kernels/mma_epilogue.cuh"
#include "backends/cuda/kernels/mma_slab.cuh"
#include "backends/cuda/kernels/row_norm.cuh"
#include "backends/cuda/kernels/tma.cuh"
#include "backends/cuda/kernels/window_slab.cuh"

// Products whose operands come to shared memory as slabs, whatever multiplies them there: a Shape
// says how (linear_mma.cuh, linear_ffma.cuh). Weights are on their way before the kernel waits for
// the one ahead of it. Warps split a block by rows, columns and, for latency, k; their sums meet in
// shared memory in fixed order.
namespace vitro::cuda {

/// A thread's share of the slabs of a block's rows, which it brings in order.
template <typename T, class Shape, RowSource kSource>
struct RowLoader {
  SlabLoader<T, Shape::block_m, Shape::threads> rows;
  __device__ __forceinline__ RowLoader(const MmaArgs& p, int first_row) {
    rows.set_matrix(static_cast<const T*>(p.x), first_row, p.m, p.k);
  }
  __device__ __forceinline__ void load(char* to, const MmaArgs& p, int slab) {
    const int column = slab * kSlabColumns<T>;
    rows.load(to, static_cast<const T*>(p.x), column, column, p.k);
  }
};
template <typename T, class Shape>
struct RowLoader<T, Shape, RowSource::Windows> {
  WindowLoader<T, Shape::block_m, Shape::threads> windows;
  TapWalk tap;
  __device__ __forceinline__ RowLoader(const MmaArgs& p, int first_row) : windows(p, first_row) {}
  __device__ __forceinline__ void load(char* to, const MmaArgs& p, int) {
    windows.load(to, static_cast<const T*>(p.x), p.windows, tap);
    tap.next(p.windows, kSlabColumns<T>);
  }
};

template <typename T, class Shape, RowSource kSource, bool kNormResult>
__global__ void __launch_bounds__(Shape::threads, Shape::blocks)
    linear_tile_kernel(const __grid_constant__ MmaArgs p) {
  extern __shared__ __align__(1024) char shared[];
  constexpr int kColumns = kSlabColumns<T>;
  constexpr int kPartB = Shape::block_n * kSlabBytes, kSlabB = Shape::weight_parts * kPartB;
  constexpr int kSlabA = Shape::block_m * kSlabBytes;
  const int slabs = p.slabs, stages = min(Shape::stages, slabs);
  // Slab s has place s % Shape::stages, also where there are fewer slabs than places: a constant,
  // for a division by a variable takes long.
  const bool all_fit = slabs <= Shape::stages;
  const int first_half = (slabs + 1) / 2;
  char* const slabs_a = shared;
  char* const slabs_b = shared + (is_resident(kSource) ? slabs : stages) * kSlabA;
  const int first_row = blockIdx.x / p.columns * Shape::block_m,
            first_column = blockIdx.x % p.columns * Shape::block_n;
  const int warp = threadIdx.x / 32, warp_m = warp % Shape::warps_m,
            warp_n = warp / Shape::warps_m % Shape::warps_n;
  const int warp_k = warp / (Shape::warps_m * Shape::warps_n);

  if (p.next_early) allow_next();
  const T* weight = static_cast<const T*>(p.weight);
  SlabLoader<T, Shape::block_n, Shape::threads> load_b;
  load_b.set_matrix(weight, first_column, p.n, p.k);
  TapWalk tap_b;
  auto fetch_b = [&](int slab) {  // in order
#pragma unroll
    for (int part = 0; part < Shape::weight_parts; ++part) {
      char* const to = slabs_b + slab % Shape::stages * kSlabB + part * kPartB;
      const int64_t matrix = part * static_cast<int64_t>(p.n) * p.k;
      if constexpr (kSource == RowSource::Windows)
        load_b.load(to, weight, tap_b.channel, matrix + tap_b.column(p.windows), p.windows.c);
      else
        load_b.load(to, weight, slab * kColumns, matrix + slab * kColumns, p.k);
    }
    if constexpr (kSource == RowSource::Windows) tap_b.next(p.windows, kColumns);
  };
  // Copies of this thread that are waited for are there for all.
  auto share_slabs = [] {
    if constexpr (Shape::weight_parts > 1) fence_for_async();
    __syncthreads();
  };
  const int ahead = all_fit ? slabs : Shape::stages - 1;
  for (int s = 0; s < ahead; ++s) fetch_b(s);
  cp_async_commit();
  Epilogue<T, Shape> end(first_row, first_column);
  if constexpr (Shape::early_vectors) end.load_vectors(p);

  RowLoader<T, Shape, kSource> load_a(p, first_row);
  auto fetch_a = [&](int slab) {  // in order
    load_a.load(slabs_a + (is_resident(kSource) ? slab : slab % Shape::stages) * kSlabA, p, slab);
  };
  wait_for_previous();
  if constexpr (kSource == RowSource::Image) {
    load_image<T, Shape>(slabs_a, p, first_row, slabs);
  } else if (kSource == RowSource::NormedRows && RowNormalizer<T, Shape>::holds(slabs)) {
    RowNormalizer<T, Shape>::run(slabs_a, p, first_row, slabs);
  } else {
    const int now = is_resident(kSource) ? slabs : ahead;
    for (int s = 0; s < now; ++s) {
      fetch_a(s);
      // Of slabs that all fit the first half is multiplied while the others arrive.
      if (!is_resident(kSource) && (!all_fit || s + 1 == first_half)) cp_async_commit();
    }
    if (is_resident(kSource) || all_fit) cp_async_commit();
  }
  end.prefetch(p);
  float2* norms = nullptr;
  if (kSource == RowSource::Rows && p.row_sums != nullptr) {
    norms = reinterpret_cast<float2*>(shared + p.norms_offset);
    load_norms<Shape::block_m, Shape::threads>(p.row_sums, p.row_parts, first_row, p.m, p.scale_k,
                                               p.eps, threadIdx.x, norms);
  }

  typename Shape::Sums sums{};
  if (is_resident(kSource)) {
    cp_async_wait<0>();
    share_slabs();
  }
  if (kSource == RowSource::NormedRows && !RowNormalizer<T, Shape>::holds(slabs)) {
    normalize_rows<T, Shape>(slabs_a, p.k, p.eps);
    __syncthreads();
  }
  if (all_fit) {
    for (int s = 0; s < slabs;) {
      int there = slabs;  // slabs that can be multiplied before anything else is waited for
      if (!is_resident(kSource)) {
        if (s == 0) {
          cp_async_wait<1>();
          there = first_half;
        } else {
          cp_async_wait<0>();
        }
        share_slabs();
      }
#pragma unroll Shape::unroll
      for (; s < there; ++s)
        sums.template add_slab<T>(slabs_a + s * kSlabA, slabs_b + s * kSlabB, warp_m, warp_n,
                                  warp_k);
    }
  } else {
    for (int s = 0; s < slabs; ++s) {
      cp_async_wait<Shape::stages - 2>();
      share_slabs();
      if (s + ahead < slabs) {
        fetch_b(s + ahead);
        if (!is_resident(kSource)) fetch_a(s + ahead);
      }
      cp_async_commit();
      sums.template add_slab<T>(slabs_a + (is_resident(kSource) ? s : s % Shape::stages) * kSlabA,
                                slabs_b + s % Shape::stages * kSlabB, warp_m, warp_n, warp_k);
    }
  }
  cp_async_wait<0>();
  if (!p.next_early) allow_next();
  __syncthreads();
  float* const results = reinterpret_cast<float*>(shared);
  sums.store(results, warp_m, warp_n, warp_k);
  if constexpr (!Shape::early_vectors) end.load_vectors(p);
  __syncthreads();
  if constexpr (kNormResult) {
    finish_normalized<T, Shape>(p, end, results,
                                reinterpret_cast<float2*>(shared + Shape::sum_bytes));
  } else {
    with_activation(p.activation, [&](auto activation) {
#pragma unroll
      for (int i = 0; i < Epilogue<T, Shape>::kShare; ++i) {
        float v[8];
        end.gather(results, norms != nullptr ? norms + end.local_row(i) : nullptr, i, v);
        end.finish(p, i, v, activation);
      }
    });
  }
}

/// Without the norms, which lie behind.
template <typename T, class Shape>
size_t operand_bytes(RowSource source, int slabs) {
  const int stages = std::min(Shape::stages, slabs);
  const size_t operands =
      static_cast<size_t>(is_resident(source) ? slabs : stages) * Shape::block_m * kSlabBytes +
      static_cast<size_t>(stages) * Shape::weight_parts * Shape::block_n * kSlabBytes;
  return std::max(operands, Shape::sum_bytes + Shape::block_m * sizeof(float2));
}
template <typename T, class Shape>
size_t shared_bytes(RowSource source, int slabs) {
  const bool norms = source == RowSource::Rows;
  return operand_bytes<T, Shape>(source, slabs) + (norms ? Shape::block_m * sizeof(float2) : 0);
}

template <typename T, class Shape, RowSource kSource, bool kNormResult>
void launch_shape(const MmaArgs& args, const Launch& launch) {
  MmaArgs p = args;
  p.columns = (args.n + Shape::block_n - 1) / Shape::block_n;
  const int blocks = p.columns * ((args.m + Shape::block_m - 1) / Shape::block_m);
  const Residency residency = residency_of(blocks, shared_bytes<T, Shape>(kSource, args.slabs));
  p.next_early = residency.next_early;
  p.norms_offset = static_cast<int>(operand_bytes<T, Shape>(kSource, args.slabs));
  launch_cluster(Shape::name, linear_tile_kernel<T, Shape, kSource, kNormResult>, blocks,
                 Shape::threads, kNormResult ? p.columns : 1, residency.shared_bytes, launch, p);
}

template <typename T, class Shape>
void launch_source(RowSource source, const MmaArgs& args, const Launch& launch) {
  switch (source) {
    case RowSource::Rows:
      return launch_shape<T, Shape, RowSource::Rows, false>(args, launch);
    case RowSource::NormedRows:
      return launch_shape<T, Shape, RowSource::NormedRows, false>(args, launch);
    case RowSource::Windows:
      if (args.gamma != nullptr)
        return launch_shape<T, Shape, RowSource::Windows, true>(args, launch);
      return launch_shape<T, Shape, RowSource::Windows, false>(args, launch);
    case RowSource::Image:
      if (args.gamma != nullptr)
        return launch_shape<T, Shape, RowSource::Image, true>(args, launch);
      return launch_shape<T, Shape, RowSource::Image, false>(args, launch);
  }
}

template <class Shapes, typename F, size_t... kTiles>
void with_shape(int tile, F&& call, std::index_sequence<kTiles...>) {
  ((static_cast<int>(kTiles) == tile ? call(std::tuple_element_t<kTiles, Shapes>{}) : void()), ...);
}
/// call(a value of type `tile` of the tuple Shapes)
template <class Shapes, typename F>
void with_shape(int tile, F&& call) {
  with_shape<Shapes>(tile, call, std::make_index_sequence<std::tuple_size_v<Shapes>>{});
}

}  // namespace vitro::cuda
