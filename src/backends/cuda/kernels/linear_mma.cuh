#pragma once

#include <algorithm>
#include <tuple>
#include <utility>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/gelu.cuh"
#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/ptx.cuh"

// Products on mma.sync. Both operands stand in shared memory as slabs: 128 bytes of k of every row of
// the block, whose 16-byte chunks are permuted by the row so that eight rows of one column lie in
// different banks. Weights are on their way before the kernel waits for the one ahead of it. Warps
// split a block by rows, columns and, for latency, k; their sums meet in shared memory in fixed order.
namespace vitro::cuda {

template <int kBlockM, int kBlockN, int kWarpsM, int kWarpsN, int kWarpsK, int kStages>
struct MmaShape {
  static constexpr int block_m = kBlockM, block_n = kBlockN, stages = kStages;
  static constexpr int warps_m = kWarpsM, warps_n = kWarpsN, warps_k = kWarpsK;
  static constexpr int threads = 32 * kWarpsM * kWarpsN * kWarpsK;
  static constexpr int tiles_m = kBlockM / kWarpsM / 16, tiles_n = kBlockN / kWarpsN / 8;
  static constexpr int pitch = kBlockN + 8;  // of the float32 sums, without bank conflicts
  static constexpr size_t sum_bytes = sizeof(float) * kWarpsK * kBlockM * pitch;
};
// The rows of kMmaTiles.
using MmaShapes = std::tuple<MmaShape<16, 16, 1, 1, 4, 32>, MmaShape<16, 32, 1, 1, 4, 20>,
                             MmaShape<16, 64, 1, 2, 4, 8>, MmaShape<32, 32, 1, 1, 4, 8>,
                             MmaShape<32, 64, 1, 2, 4, 8>, MmaShape<64, 64, 2, 2, 2, 5>,
                             MmaShape<128, 64, 4, 2, 1, 4>, MmaShape<128, 128, 2, 4, 1, 3>>;

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
      rows[i] = first + row(i) < count ? matrix + static_cast<int64_t>(first + row(i)) * k : nullptr;
  }
  __device__ __forceinline__ void set_patches(const MmaArgs& p, int first) {
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
      const int m = first + row(i), ox = m % p.out_w, rest = m / p.out_w, oy = rest % p.out_h;
      const int run = p.k / p.stride;
      rows[i] = m < p.m ? static_cast<const T*>(p.x) + rest / p.out_h * p.image_size +
                              oy * p.stride * p.line_size + static_cast<int64_t>(ox) * run
                        : nullptr;
    }
  }
  /// Columns k0.. of k, `offset` elements from the rows' starts.
  __device__ __forceinline__ void load(char* slab, const T* any, int k0, int64_t offset, int k) const {
    const int column = chunk * kPerChunk;
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
      if (kRows * 8 % kThreads != 0 && row(i) >= kRows) break;
      const bool valid = rows[i] != nullptr && k0 + column < k;
      cp_async_16(slab + swizzled(row(i), chunk), valid ? rows[i] + offset + column : any, valid);
    }
  }
};

/// Reads windows of a float32 image as rows of T, all slabs at once.
template <typename T, class Shape>
__device__ __forceinline__ void load_image(char* slabs, const MmaArgs& p, int first_row, int slab_count) {
  constexpr int kGroups = kSlabColumns<T> / 4;  // of four pixels in a slab's row
  for (int i = threadIdx.x; i < Shape::block_m * kGroups * slab_count; i += Shape::threads) {
    const int row = i % Shape::block_m, group = i / Shape::block_m, m = first_row + row;
    const int column = group * 4, kx = column % p.stride, line = column / p.stride;
    float4 v{};
    if (m < p.m && column < p.k) {
      const int ox = m % p.out_w, rest = m / p.out_w, oy = rest % p.out_h;
      const int ky = line % p.stride, channel = line / p.stride;
      const int64_t channel_size = p.image_size / p.channels;
      v = __ldcg(reinterpret_cast<const float4*>(
          static_cast<const float*>(p.x) + rest / p.out_h * p.image_size + channel * channel_size +
          (oy * p.stride + ky) * p.line_size + ox * p.stride + kx));
    }
    char* slab = slabs + group / kGroups * Shape::block_m * kSlabBytes;
    const int byte = group % kGroups * 4 * static_cast<int>(sizeof(T));
    char* dst = slab + swizzled(row, byte / 16) + byte % 16;
    if constexpr (sizeof(T) == 2) {
      *reinterpret_cast<uint2*>(dst) = uint2{pack_2<T>(v.x, v.y), pack_2<T>(v.z, v.w)};
    } else {
      *reinterpret_cast<float4*>(dst) = v;
    }
  }
}

/// Normalises the k columns of every row in place. Sums are of differences to the row's first element,
/// so that a mean far from zero costs no digits.
template <typename T, class Shape>
__device__ __forceinline__ void normalize_rows(char* slabs, int k, float eps) {
  constexpr int kLanes = Shape::threads / Shape::block_m, kPerChunk = 16 / sizeof(T);
  static_assert(kLanes >= 1 && kLanes <= 32);
  const int row = threadIdx.x / kLanes, lane = threadIdx.x % kLanes, chunks = k / kPerChunk;
  auto at = [&](int c) {
    return reinterpret_cast<uint4*>(slabs + c / 8 * Shape::block_m * kSlabBytes + swizzled(row, c % 8));
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

/// Rows of x normalised in registers on their way to shared memory, where a row's lanes can hold it.
template <typename T, class Shape>
struct RowNormalizer {
  static constexpr int kLanes = Shape::threads / Shape::block_m, kPerChunk = 16 / sizeof(T), kChunks = 8;
  static constexpr bool kWide = kLanes >= 8;
  __device__ __forceinline__ static bool holds(int slab_count) { return kWide && slab_count <= kLanes; }
  __device__ __forceinline__ static void run(char* slabs, const MmaArgs& p, int first_row, int slab_count) {
    const int row = threadIdx.x / kLanes, lane = threadIdx.x % kLanes, chunks = p.k / kPerChunk;
    const bool inside = first_row + row < p.m;
    const T* x = static_cast<const T*>(p.x) + static_cast<int64_t>(first_row + row) * p.k;
    uint4 bits[kChunks];
    float v[kPerChunk], sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      const int c = lane + i * kLanes;
      bits[i] = inside && c < chunks ? __ldcg(reinterpret_cast<const uint4*>(x) + c) : uint4{0, 0, 0, 0};
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
      for (int e = 0; e < kPerChunk; ++e) out[e] = from_float<T>(c < chunks ? (v[e] - mean) * scale : 0.0f);
      *reinterpret_cast<uint4*>(slabs + c / 8 * Shape::block_m * kSlabBytes + swizzled(row, c % 8)) = bits[i];
    }
  }
};

template <typename T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (sizeof(T) == 2) {
    mma_16816<T>(d, a, b0, b1);
  } else {
    mma_1688_tf32(d, a, b0, b1);
  }
}
/// Operands as ldmatrix gives them, rounded where the tensor cores would truncate.
template <typename T>
__device__ __forceinline__ void load_operand(uint32_t (&r)[4], const char* row) {
  ldmatrix_x4(r, row);
  if constexpr (sizeof(T) == 4)
#pragma unroll
    for (int i = 0; i < 4; ++i) r[i] = round_to_tf32(r[i]);
}

template <class Shape>
struct Sums {
  float v[Shape::tiles_m][Shape::tiles_n][4];
};

/// Adds a slab's product; a warp takes every warps_k-th of its four steps of 32 bytes.
template <typename T, class Shape>
__device__ __forceinline__ void multiply_slab(Sums<Shape>& sums, const char* a, const char* b, int warp_m,
                                              int warp_n, int warp_k) {
  const int lane = threadIdx.x % 32;
  const int row_a = warp_m * Shape::tiles_m * 16 + lane % 16, chunk_a = lane / 16;
  const int row_b = warp_n * Shape::tiles_n * 8 + lane / 16 * 8 + lane % 8, chunk_b = lane / 8 % 2;
#pragma unroll
  for (int i = 0; i < 4 / Shape::warps_k; ++i) {
    const int step = i * Shape::warps_k + warp_k;
    uint32_t fa[Shape::tiles_m][4];
#pragma unroll
    for (int mt = 0; mt < Shape::tiles_m; ++mt)
      load_operand<T>(fa[mt], a + swizzled(row_a + mt * 16, step * 2 + chunk_a));
#pragma unroll
    for (int nt = 0; nt < Shape::tiles_n; nt += 2) {
      uint32_t fb[4];
      load_operand<T>(fb, b + swizzled(row_b + nt * 8, step * 2 + chunk_b));
#pragma unroll
      for (int mt = 0; mt < Shape::tiles_m; ++mt) {
        multiply<T>(sums.v[mt][nt], fa[mt], fb[0], fb[1]);
        multiply<T>(sums.v[mt][nt + 1], fa[mt], fb[2], fb[3]);
      }
    }
  }
}

template <class Shape>
__device__ __forceinline__ void store_sums(const Sums<Shape>& sums, float* shared, int warp_m, int warp_n,
                                           int warp_k) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int mt = 0; mt < Shape::tiles_m; ++mt)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = (warp_k * Shape::block_m) + (warp_m * Shape::tiles_m + mt) * 16 + half * 8 + lane / 4;
      float* dst = shared + row * Shape::pitch + warp_n * Shape::tiles_n * 8 + lane % 4 * 2;
#pragma unroll
      for (int nt = 0; nt < Shape::tiles_n; ++nt)
        *reinterpret_cast<float2*>(dst + nt * 8) = float2{sums.v[mt][nt][half * 2], sums.v[mt][nt][half * 2 + 1]};
    }
}

/// What a block does with its sums: a thread has the same eight columns of several rows.
template <typename T, class Shape>
struct Epilogue {
  static constexpr int kLanes = Shape::block_n / 8;  // that share a row
  static constexpr int kTotal = Shape::block_m * kLanes;
  static constexpr int kShare = (kTotal + Shape::threads - 1) / Shape::threads;
  static constexpr int kRowStep = Shape::threads / kLanes;
  static constexpr bool kPrefetch = kShare <= 2;  // residuals wait in registers
  const int row0 = threadIdx.x / kLanes, column = threadIdx.x % kLanes * 8;
  float bias[8];
  Eight<T> residual[kPrefetch ? kShare : 1];

  __device__ __forceinline__ bool mine(int i) const {
    return kTotal % Shape::threads == 0 || row0 + i * kRowStep < Shape::block_m;
  }
  __device__ __forceinline__ int64_t offset(const MmaArgs& p, int i) const {
    return static_cast<int64_t>(blockIdx.y * Shape::block_m + row0 + i * kRowStep) * p.n +
           blockIdx.x * Shape::block_n + column;
  }
  __device__ __forceinline__ bool inside(const MmaArgs& p, int i) const {
    return mine(i) && static_cast<int>(blockIdx.y) * Shape::block_m + row0 + i * kRowStep < p.m &&
           static_cast<int>(blockIdx.x) * Shape::block_n + column < p.n;
  }
  __device__ __forceinline__ void load_vector(const float* values, const MmaArgs& p, float (&v)[8]) const {
    const int n = blockIdx.x * Shape::block_n + column;
    (values != nullptr && n < p.n ? Eight<float>::load(values + n) : Eight<float>::zero()).unpack(v);
  }
  __device__ __forceinline__ Eight<T> load_residual(const MmaArgs& p, int i) const {
    return p.residual != nullptr && inside(p, i)
               ? Eight<T>::load(static_cast<const T*>(p.residual) + offset(p, i))
               : Eight<T>::zero();
  }
  __device__ __forceinline__ void prefetch(const MmaArgs& p) {
    if constexpr (kPrefetch)
#pragma unroll
      for (int i = 0; i < kShare; ++i) residual[i] = load_residual(p, i);
  }
  __device__ __forceinline__ void gather(const float* sums, int i, float (&v)[8]) const {
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = bias[e];
    if (!mine(i)) return;
#pragma unroll
    for (int part = 0; part < Shape::warps_k; ++part) {
      float s[8];
      Eight<float>::load(sums + (part * Shape::block_m + row0 + i * kRowStep) * Shape::pitch + column).unpack(s);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += s[e];
    }
  }
  __device__ __forceinline__ void finish(const MmaArgs& p, int i, float (&v)[8]) const {
    if (!inside(p, i)) return;
    if (p.gelu)
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] = gelu<T>(v[e]);
    if (p.residual != nullptr) {
      float r[8];
      (kPrefetch ? residual[kPrefetch ? i : 0] : load_residual(p, i)).unpack(r);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += r[e];
    }
    Eight<T>::store(static_cast<T*>(p.y) + offset(p, i), v);
  }
};

/// Normalises whole rows of results, a cluster of blocks holding each: its blocks tell each other
/// their mean and sum of squared differences (Chan's way of joining variances).
template <typename T, class Shape>
__device__ __forceinline__ void finish_normalized(const MmaArgs& p, const Epilogue<T, Shape>& end,
                                                  const float* sums, float2* statistics) {
  using End = Epilogue<T, Shape>;
  constexpr float kWidth = Shape::block_n;
  float v[End::kShare][8], mean[End::kShare], squares[End::kShare];
#pragma unroll
  for (int i = 0; i < End::kShare; ++i) {
    end.gather(sums, i, v[i]);
    float sum = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) sum += v[i][e];
    mean[i] = sum_lanes<End::kLanes>(sum) / kWidth;
    float square = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) square += (v[i][e] - mean[i]) * (v[i][e] - mean[i]);
    squares[i] = sum_lanes<End::kLanes>(square);
    if (end.mine(i) && end.column == 0) statistics[end.row0 + i * End::kRowStep] = float2{mean[i], squares[i]};
  }
  const int blocks = p.n / Shape::block_n;
  if (blocks > 1) cluster_sync();
  float gamma[8], beta[8];
  end.load_vector(p.gamma, p, gamma);
  end.load_vector(p.beta, p, beta);
#pragma unroll
  for (int i = 0; i < End::kShare; ++i) {
    if (blocks > 1 && end.mine(i)) {
      float2 part[8];
      float total = 0;
#pragma unroll
      for (int r = 0; r < 8; ++r) {
        part[r] = r < blocks ? load_cluster_float2(statistics + end.row0 + i * End::kRowStep, r) : float2{};
        total += part[r].x;
      }
      mean[i] = total / static_cast<float>(blocks);
      squares[i] = 0;
#pragma unroll
      for (int r = 0; r < 8; ++r)
        if (r < blocks) squares[i] += part[r].y + kWidth * (part[r].x - mean[i]) * (part[r].x - mean[i]);
    }
    const float scale = rsqrtf(squares[i] / static_cast<float>(p.n) + p.eps);
#pragma unroll
    for (int e = 0; e < 8; ++e) v[i][e] = fmaf((v[i][e] - mean[i]) * scale, gamma[e], beta[e]);
    end.finish(p, i, v[i]);
  }
  if (blocks > 1) cluster_sync();  // a block's statistics outlive their readers
}

template <typename T, class Shape, RowSource kSource, bool kNormResult>
__global__ void __launch_bounds__(Shape::threads)
    linear_mma_kernel(const __grid_constant__ MmaArgs p) {
  extern __shared__ __align__(128) char shared[];
  constexpr int kColumns = kSlabColumns<T>;
  constexpr int kSlabA = Shape::block_m * kSlabBytes, kSlabB = Shape::block_n * kSlabBytes;
  const int slabs = (p.k + kColumns - 1) / kColumns, stages = min(Shape::stages, slabs);
  const bool all_fit = slabs <= Shape::stages;
  char* const slabs_a = shared;
  char* const slabs_b = shared + (is_resident(kSource) ? slabs : stages) * kSlabA;
  const int first_row = blockIdx.y * Shape::block_m;
  const int warp = threadIdx.x / 32, warp_m = warp % Shape::warps_m, warp_n = warp / Shape::warps_m % Shape::warps_n;
  const int warp_k = warp / (Shape::warps_m * Shape::warps_n);

  if (p.trigger == 0) allow_next();
  const T* weight = static_cast<const T*>(p.weight);
  const T* x = static_cast<const T*>(p.x);
  SlabLoader<T, Shape::block_n, Shape::threads> load_b;
  load_b.set_matrix(weight, blockIdx.x * Shape::block_n, p.n, p.k);
  auto fetch_b = [&](int slab) {
    load_b.load(slabs_b + slab % stages * kSlabB, weight, slab * kColumns, slab * kColumns, p.k);
  };
  const int ahead = all_fit ? slabs : Shape::stages - 1;
  for (int s = 0; s < ahead; ++s) fetch_b(s);
  cp_async_commit();
  Epilogue<T, Shape> end;
  end.load_vector(p.bias, p, end.bias);

  SlabLoader<T, Shape::block_m, Shape::threads> load_a;
  const int run = kSource == RowSource::Patches ? p.k / p.stride : p.k;
  if constexpr (kSource == RowSource::Patches) {
    load_a.set_patches(p, first_row);
  } else {
    load_a.set_matrix(x, first_row, p.m, p.k);
  }
  auto fetch_a = [&](int slab) {
    const int k0 = slab * kColumns;
    const int64_t offset = kSource == RowSource::Patches ? k0 / run * p.line_size + k0 % run : k0;
    load_a.load(slabs_a + (is_resident(kSource) ? slab : slab % stages) * kSlabA, x, k0, offset, p.k);
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
      if (!is_resident(kSource)) cp_async_commit();
    }
    if (is_resident(kSource)) cp_async_commit();
  }
  end.prefetch(p);

  Sums<Shape> sums{};
  if (is_resident(kSource) || all_fit) {
    cp_async_wait<0>();
    __syncthreads();
  }
  if (kSource == RowSource::NormedRows && !RowNormalizer<T, Shape>::holds(slabs)) {
    normalize_rows<T, Shape>(slabs_a, p.k, p.eps);
    __syncthreads();
  }
  for (int s = 0; s < slabs; ++s) {
    if (!all_fit) {
      cp_async_wait<Shape::stages - 2>();
      __syncthreads();
      if (s + ahead < slabs) {
        fetch_b(s + ahead);
        if (!is_resident(kSource)) fetch_a(s + ahead);
      }
      cp_async_commit();
    }
    multiply_slab<T, Shape>(sums, slabs_a + (is_resident(kSource) ? s : s % stages) * kSlabA,
                            slabs_b + s % stages * kSlabB, warp_m, warp_n, warp_k);
  }
  cp_async_wait<0>();
  if (p.trigger == 1) allow_next();
  __syncthreads();
  float* const results = reinterpret_cast<float*>(shared);
  store_sums<Shape>(sums, results, warp_m, warp_n, warp_k);
  __syncthreads();
  if constexpr (kNormResult) {
    finish_normalized<T, Shape>(p, end, results, reinterpret_cast<float2*>(shared + Shape::sum_bytes));
  } else {
#pragma unroll
    for (int i = 0; i < Epilogue<T, Shape>::kShare; ++i) {
      float v[8];
      end.gather(results, i, v);
      end.finish(p, i, v);
    }
  }
}

template <typename T, class Shape>
size_t shared_bytes(RowSource source, int k) {
  const int slabs = (k + kSlabColumns<T> - 1) / kSlabColumns<T>, stages = std::min(Shape::stages, slabs);
  const size_t operands = static_cast<size_t>(is_resident(source) ? slabs : stages) * Shape::block_m * kSlabBytes +
                          static_cast<size_t>(stages) * Shape::block_n * kSlabBytes;
  return std::max(operands, Shape::sum_bytes + Shape::block_m * sizeof(float2));
}

template <typename T, class Shape, RowSource kSource, bool kNormResult>
void launch_shape(const MmaArgs& args, const Launch& launch) {
  const dim3 grid((args.n + Shape::block_n - 1) / Shape::block_n, (args.m + Shape::block_m - 1) / Shape::block_m);
  launch_cluster("linear_mma", linear_mma_kernel<T, Shape, kSource, kNormResult>, grid, Shape::threads,
                 kNormResult ? grid.x : 1, std::max<size_t>(args.pad, shared_bytes<T, Shape>(kSource, args.k)), launch, args);
}

template <typename T, class Shape>
void launch_source(RowSource source, const MmaArgs& args, const Launch& launch) {
  switch (source) {
    case RowSource::Rows:
      return launch_shape<T, Shape, RowSource::Rows, false>(args, launch);
    case RowSource::NormedRows:
      return launch_shape<T, Shape, RowSource::NormedRows, false>(args, launch);
    case RowSource::Patches:
      if (args.gamma != nullptr) return launch_shape<T, Shape, RowSource::Patches, true>(args, launch);
      return launch_shape<T, Shape, RowSource::Patches, false>(args, launch);
    case RowSource::Image:
      if (args.gamma != nullptr) return launch_shape<T, Shape, RowSource::Image, true>(args, launch);
      return launch_shape<T, Shape, RowSource::Image, false>(args, launch);
  }
}

template <typename F, size_t... kTiles>
void with_shape(int tile, F&& call, std::index_sequence<kTiles...>) {
  ((static_cast<int>(kTiles) == tile ? call(std::tuple_element_t<kTiles, MmaShapes>{}) : void()), ...);
}
/// call(the MmaShape of kMmaTiles[tile])
template <typename F>
void with_shape(int tile, F&& call) {
  with_shape(tile, call, std::make_index_sequence<std::tuple_size_v<MmaShapes>>{});
}

/// One translation unit for each type: linear_mma_*.cu.
template <typename T>
void launch_mma_of(int tile, RowSource source, const MmaArgs& args, const Launch& launch) {
  with_shape(tile, [&](auto shape) { launch_source<T, decltype(shape)>(source, args, launch); });
}
extern template void launch_mma_of<__half>(int, RowSource, const MmaArgs&, const Launch&);
extern template void launch_mma_of<__nv_bfloat16>(int, RowSource, const MmaArgs&, const Launch&);
extern template void launch_mma_of<float>(int, RowSource, const MmaArgs&, const Launch&);

}  // namespace vitro::cuda
