#pragma once

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/ptx.cuh"

// Operands in shared memory as slabs: 128 bytes of k of every row of a block, whose 16-byte chunks
// are permuted by the row so that eight rows of one column lie in different banks.
namespace vitro::cuda {

inline constexpr int kSlabBytes = 128;

template <typename T>
inline constexpr int kSlabColumns = kSlabBytes / static_cast<int>(sizeof(T));

__host__ __device__ constexpr bool is_resident(RowSource source) {
  return source == RowSource::NormedRows || source == RowSource::Image;
}

/// Where chunk `chunk` of row `row` stands in its slab.
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kSlabBytes + ((chunk ^ (row & 7)) << 4);
}

/// 16 rows of two chunks as left operands of mma_16816 hold them.
__device__ __forceinline__ void load_16x16(uint32_t (&words)[4], const char* slab, int row0,
                                           int chunk) {
  const int lane = threadIdx.x % 32;
  ldmatrix_x4(words, slab + swizzled(row0 + lane % 16, chunk + lane / 16));
}
__device__ __forceinline__ void store_16x16(char* slab, int row0, int chunk,
                                            const uint32_t (&words)[4]) {
  const int lane = threadIdx.x % 32;
#if __CUDA_ARCH__ >= 900
  stmatrix_x4(slab + swizzled(row0 + lane % 16, chunk + lane / 16), words);
#else
#pragma unroll
  for (int i = 0; i < 4; ++i)
    *reinterpret_cast<uint32_t*>(slab + swizzled(row0 + lane / 4 + i % 2 * 8, chunk + i / 2) +
                                 lane % 4 * 4) = words[i];
#endif
}

/// A thread's share of the slabs of kRows rows: chunk threadIdx % 8 of every (kThreads / 8)-th row.
template <typename T, int kRows, int kThreads>
struct SlabLoader {
  static constexpr int kShare = (kRows * 8 + kThreads - 1) / kThreads;
  static constexpr int kPerChunk = 16 / static_cast<int>(sizeof(T));
  const T* rows[kShare];  // null outside
  int row0, chunk;

  __device__ __forceinline__ SlabLoader() : row0(threadIdx.x / 8), chunk(threadIdx.x % 8) {}
  __device__ __forceinline__ int row(int i) const { return row0 + i * (kThreads / 8); }
  __device__ __forceinline__ void set_matrix(const T* matrix, int first, int count, int k) {
#pragma unroll
    for (int i = 0; i < kShare; ++i)
      rows[i] =
          first + row(i) < count ? matrix + static_cast<int64_t>(first + row(i)) * k : nullptr;
  }
  /// Columns k0.. of k, `offset` elements from the rows' starts.
  __device__ __forceinline__ void load(char* slab, const T* any, int k0, int64_t offset,
                                       int k) const {
    const int column = chunk * kPerChunk;
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
      if (kRows * 8 % kThreads != 0 && row(i) >= kRows) break;
      const bool valid = rows[i] != nullptr && k0 + column < k;
      cp_async_16(slab + swizzled(row(i), chunk), valid ? rows[i] + offset + column : any, valid);
    }
  }
};

/// Normalises the k columns of every row in place. Sums are of differences to the row's first
/// element, so that a mean far from zero costs no digits.
template <typename T, class Shape>
__device__ __forceinline__ void normalize_rows(char* slabs, int k, float eps) {
  constexpr int kLanes = Shape::threads / Shape::block_m, kPerChunk = 16 / sizeof(T);
  static_assert(kLanes >= 1 && kLanes <= 32);
  const int row = threadIdx.x / kLanes, lane = threadIdx.x % kLanes, chunks = k / kPerChunk;
  auto at = [&](int c) {
    return reinterpret_cast<uint4*>(slabs + c / 8 * Shape::block_m * kSlabBytes +
                                    swizzled(row, c % 8));
  };
  const float first = to_float(*reinterpret_cast<const T*>(at(0)));
  float sum = 0, squares = 0;
  for (int c = lane; c < chunks; c += kLanes) {
    const uint4 bits = *at(c);
    const T* v = reinterpret_cast<const T*>(&bits);
#pragma unroll
    for (int e = 0; e < kPerChunk; ++e) {
      const float d = to_float(v[e]) - first;
      sum += d;
      squares = fmaf(d, d, squares);
    }
  }
  const float scale_k = 1.0f / static_cast<float>(k);
  const float shift = sum_lanes<kLanes>(sum) * scale_k;
  const float variance = fmaxf(fmaf(-shift, shift, sum_lanes<kLanes>(squares) * scale_k), 0.0f);
  const float mean = first + shift, scale = rsqrtf(variance + eps);
  __syncwarp();
  for (int c = lane; c < chunks; c += kLanes) {
    uint4 bits = *at(c);
    T* v = reinterpret_cast<T*>(&bits);
#pragma unroll
    for (int e = 0; e < kPerChunk; ++e) v[e] = from_float<T>((to_float(v[e]) - mean) * scale);
    *at(c) = bits;
  }
}

/// Rows of x normalised in registers on their way to shared memory, where a row's lanes can hold
/// it.
template <typename T, class Shape>
struct RowNormalizer {
  static constexpr int kLanes = Shape::threads / Shape::block_m, kPerChunk = 16 / sizeof(T),
                       kChunks = 8;
  static constexpr bool kWide = kLanes >= 8;
  __device__ __forceinline__ static bool holds(int slab_count) {
    return kWide && slab_count <= kLanes;
  }
  __device__ __forceinline__ static void run(char* slabs, const MmaArgs& p, int first_row,
                                             int slab_count) {
    const int row = threadIdx.x / kLanes, lane = threadIdx.x % kLanes, chunks = p.k / kPerChunk;
    const bool inside = first_row + row < p.m;
    const T* x = static_cast<const T*>(p.x) + static_cast<int64_t>(first_row + row) * p.k;
    uint4 bits[kChunks];
    float v[kPerChunk], sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      const int c = lane + i * kLanes;
      bits[i] =
          inside && c < chunks ? __ldcg(reinterpret_cast<const uint4*>(x) + c) : uint4{0, 0, 0, 0};
    }
    auto unpack = [&](int i) {
#pragma unroll
      for (int e = 0; e < kPerChunk; ++e) v[e] = to_float(reinterpret_cast<const T*>(&bits[i])[e]);
    };
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      unpack(i);
#pragma unroll
      for (int e = 0; e < kPerChunk; ++e) sum += v[e];
    }
    const float mean = sum_lanes<kLanes>(sum) / static_cast<float>(p.k);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      if (lane + i * kLanes >= chunks) continue;
      unpack(i);
#pragma unroll
      for (int e = 0; e < kPerChunk; ++e) squares = fmaf(v[e] - mean, v[e] - mean, squares);
    }
    const float scale = rsqrtf(sum_lanes<kLanes>(squares) / static_cast<float>(p.k) + p.eps);
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      const int c = lane + i * kLanes;
      if (c >= slab_count * 8) break;
      unpack(i);
      T* out = reinterpret_cast<T*>(&bits[i]);
#pragma unroll
      for (int e = 0; e < kPerChunk; ++e)
        out[e] = from_float<T>(c < chunks ? (v[e] - mean) * scale : 0.0f);
      *reinterpret_cast<uint4*>(slabs + c / 8 * Shape::block_m * kSlabBytes +
                                swizzled(row, c % 8)) = bits[i];
    }
  }
};

}  // namespace vitro::cuda
