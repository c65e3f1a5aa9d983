#include "backends/cuda/kernels/linear_wgmma.h"

#include <cuda.h>

#include <algorithm>
#include <stdexcept>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/gelu.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/quad.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

namespace vitro::cuda {
namespace {

// Eight warps multiply, 64 rows for each four of them; one thread also keeps the copy engine busy.
// Two blocks share a multiprocessor, so that one multiplies while the other finishes its results.
constexpr int kBlockM = 128, kColumns = 64, kThreads = 256, kBlocksPerSm = 2;
constexpr int kSlabA = kBlockM * 128;

struct WgmmaArgs {
  CUtensorMap x, weight;
  const float* bias;
  const float* weight_sums;
  const void* residual;
  void* y;
  int m, n, k;
  int columns, tiles;  // tiles beside each other, and all
  float eps;
  bool gelu;
  bool next_early;
};

template <int kBlockN, int kStages>
struct WgmmaShape {
  static constexpr int block_n = kBlockN, stages = kStages, slab_bytes = kSlabA + kBlockN * 128;
  static constexpr int statistics = stages * slab_bytes, vectors = statistics + kBlockM * 8;
  static constexpr int barriers = vectors + 2 * kBlockN * 4;
  static constexpr int shared_bytes = barriers + stages * 16 + 1024;  // room to align
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)

/// Sums over half a row of x; two threads share a row. Plain sums of squares: a mean of 30
/// deviations costs three of float32's seven digits, and 16 bits hold three.
struct HalfRow {
  float sum = 0, squares = 0;
  template <typename T>
  __device__ __forceinline__ void add_slab(const char* rows) {
    const int row = threadIdx.x % 128 / 2;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int chunk = i * 2 + threadIdx.x % 2;
      float v[8];
      Eight<T>::load(reinterpret_cast<const T*>(rows + row * 128 + ((chunk ^ (row & 7)) << 4)))
          .unpack(v);
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        sum += v[e];
        squares = fmaf(v[e], v[e], squares);
      }
    }
  }
  /// Mean and 1 / deviation.
  __device__ __forceinline__ float2 finish(int k, float eps) const {
    const float scale_k = 1.0f / static_cast<float>(k), mean = sum_lanes<2>(sum) * scale_k;
    const float variance = fmaxf(fmaf(-mean, mean, sum_lanes<2>(squares) * scale_k), 0.0f);
    return float2{mean, rsqrtf(variance + eps)};
  }
};

/// The slabs of all tiles that a block takes, one after the other: slab i of the sequence is slab
/// i % count of the tile blockIdx + i / count * gridDim. One thread starts their copies.
template <class Shape>
struct Copies {
  const WgmmaArgs& p;
  uint32_t slabs, full, empty;
  int count, total;
  __device__ __forceinline__ int tile(int i) const { return blockIdx.x + i / count * gridDim.x; }
  __device__ __forceinline__ void weight(int i) const {
    const uint32_t stage = i % Shape::stages, barrier = full + stage * 8;
    barrier_arrive_expect(barrier, Shape::slab_bytes);
    copy_box(slabs + stage * Shape::slab_bytes + kSlabA, &p.weight, i % count * kColumns,
             tile(i) % p.columns * Shape::block_n, barrier);
  }
  __device__ __forceinline__ void x(int i) const {
    const uint32_t stage = i % Shape::stages;
    copy_box(slabs + stage * Shape::slab_bytes, &p.x, i % count * kColumns,
             tile(i) / p.columns * kBlockM, full + stage * 8);
  }
  __device__ __forceinline__ void start() const {
    const int first = min(total, Shape::stages);
    for (int i = 0; i < first; ++i) weight(i);
    wait_for_previous();
    for (int i = 0; i < first; ++i) x(i);
  }
  /// Says that this warp has left slab i; when all have, the place takes a later one.
  __device__ __forceinline__ void leave(int i) const {
    if (threadIdx.x % 32 != 0) return;
    barrier_arrive(empty + i % Shape::stages * 8);
    const int next = i + Shape::stages;
    if (threadIdx.x != 0 || next >= total) return;
    barrier_wait(empty + i % Shape::stages * 8, i / Shape::stages & 1);
    weight(next);
    x(next);
  }
};

template <typename T, class Shape, bool kNorm>
__device__ __forceinline__ void finish(const WgmmaArgs& p, const float (&sums)[Shape::block_n / 2],
                                       int first_row, int column0, const float2* statistics,
                                       const float* bias_sums) {
  const int lane = threadIdx.x % 32, quad = lane % 4;
  const int local = threadIdx.x / 32 * 16 + lane / 4;  // and 8 rows below
  float2 norm[2];
  if constexpr (kNorm) norm[0] = statistics[local], norm[1] = statistics[local + 8];
#pragma unroll
  for (int group = 0; group < Shape::block_n / 32; ++group) {
    const int mine = column0 + group * 32 + quad * 8;
    int64_t at[2];
    bool inside[2];
    uint32_t residual[2][4] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row + local + half * 8;
      at[half] = static_cast<int64_t>(row) * p.n + mine;
      inside[half] = row < p.m && mine < p.n;
      if (p.residual != nullptr) {
        const uint4 bits =
            inside[half]
                ? *reinterpret_cast<const uint4*>(static_cast<const T*>(p.residual) + at[half])
                : uint4{0, 0, 0, 0};
        residual[half][0] = bits.x, residual[half][1] = bits.y, residual[half][2] = bits.z,
        residual[half][3] = bits.w;
        transpose_quad(residual[half]);
      }
    }
    uint32_t out[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int column = group * 32 + j * 8 + quad * 2;
      const float2 bias = *reinterpret_cast<const float2*>(bias_sums + column);
      float2 total{};
      if constexpr (kNorm)
        total = *reinterpret_cast<const float2*>(bias_sums + Shape::block_n + column);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float first = sums[(group * 4 + j) * 4 + half * 2],
              second = sums[(group * 4 + j) * 4 + half * 2 + 1];
        if constexpr (kNorm) {
          first = fmaf(-norm[half].x, total.x, first) * norm[half].y;
          second = fmaf(-norm[half].x, total.y, second) * norm[half].y;
        }
        first += bias.x, second += bias.y;
        if (p.gelu) first = gelu<T>(first), second = gelu<T>(second);
        const float2 r = unpack_2<T>(residual[half][j]);
        out[half][j] = pack_2<T>(first + r.x, second + r.y);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      transpose_quad(out[half]);
      if (inside[half])
        *reinterpret_cast<uint4*>(static_cast<T*>(p.y) + at[half]) =
            uint4{out[half][0], out[half][1], out[half][2], out[half][3]};
    }
  }
}

template <typename T, class Shape, bool kNorm>
__global__ void __launch_bounds__(kThreads, kBlocksPerSm)
    linear_wgmma_kernel(const __grid_constant__ WgmmaArgs p) {
  extern __shared__ char unaligned[];
  char* const shared = unaligned + (-shared_address(unaligned) & 1023);
  const uint32_t slabs = shared_address(shared), full = slabs + Shape::barriers,
                 empty = full + Shape::stages * 8;
  if (threadIdx.x == 0) {
    for (int s = 0; s < Shape::stages; ++s) {
      barrier_init(full + s * 8, 1);
      barrier_init(empty + s * 8, kThreads / 32);
    }
    barrier_init_fence();
  }
  __syncthreads();
  if (p.next_early) allow_next();
  const int group = threadIdx.x / 128, count = (p.k + kColumns - 1) / kColumns;
  const int first_tile = static_cast<int>(blockIdx.x), step = static_cast<int>(gridDim.x);
  const int total = (p.tiles - first_tile + step - 1) / step * count;
  const Copies<Shape> copies{p, slabs, full, empty, count, total};
  if (threadIdx.x == 0) copies.start();
  float* const bias_sums = reinterpret_cast<float*>(shared + Shape::vectors);
  float2* const statistics = reinterpret_cast<float2*>(shared + Shape::statistics);
  wait_for_previous();
  for (int tile = first_tile, i = 0; tile < p.tiles; tile += step) {
    const int column0 = tile % p.columns * Shape::block_n, first_row = tile / p.columns * kBlockM;
    __syncthreads();  // the vectors of the tile before have been read
    for (int c = threadIdx.x; c < Shape::block_n; c += kThreads) {
      const bool inside = column0 + c < p.n;
      bias_sums[c] = p.bias != nullptr && inside ? p.bias[column0 + c] : 0.0f;
      if (kNorm) bias_sums[Shape::block_n + c] = inside ? p.weight_sums[column0 + c] : 0.0f;
    }
    float sums[Shape::block_n / 2];
    HalfRow row;
    for (int s = 0; s < count; ++s, ++i) {
      const int stage = i % Shape::stages, slab = stage * Shape::slab_bytes;
      barrier_wait(full + stage * 8, i / Shape::stages & 1);
      const uint64_t a = wgmma_operand(slabs + slab + group * 64 * 128),
                     b = wgmma_operand(slabs + slab + kSlabA);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; ++k) wgmma_64x16<T, Shape::block_n>(sums, a + k * 2, b + k * 2, s + k);
      wgmma_commit();
      if constexpr (kNorm) row.add_slab<T>(shared + slab + group * 64 * 128);
      wgmma_wait<1>();
      if (s > 0) copies.leave(i - 1);
    }
    wgmma_wait<0>();
    copies.leave(i - 1);
    if constexpr (kNorm) {
      const float2 norm = row.finish(p.k, p.eps);
      if (threadIdx.x % 2 == 0) statistics[threadIdx.x / 2] = norm;
    }
    __syncthreads();
    finish<T, Shape, kNorm>(p, sums, first_row, column0, statistics, bias_sums);
  }
}

#else

template <typename T, class Shape, bool kNorm>
__global__ void linear_wgmma_kernel(const __grid_constant__ WgmmaArgs) {}

#endif

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                            const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);

/// The driver's function, without linking the driver: a program starts where there is none.
Encode encode_function() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                cudaEnableDefault, &found),
               "cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess)
      throw std::runtime_error("the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(function);
  }();
  return encode;
}

/// Boxes of block_rows x 64 elements of a [rows, k] matrix; zeros outside.
CUtensorMap boxes(Element element, const void* matrix, int rows, int k, int block_rows) {
  CUtensorMap map;
  const cuuint64_t extents[2] = {static_cast<cuuint64_t>(k), static_cast<cuuint64_t>(rows)};
  const cuuint64_t pitch[1] = {static_cast<cuuint64_t>(k) * 2};
  const cuuint32_t box[2] = {kColumns, static_cast<cuuint32_t>(block_rows)}, steps[2] = {1, 1};
  const CUresult result =
      encode_function()(&map,
                        element == Element::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                    : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                        2, const_cast<void*>(matrix), extents, pitch, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) throw std::runtime_error("linear: the driver refuses a tensor map");
  return map;
}

template <typename T, class Shape>
void launch_wgmma(const LinearArgs& a, const Launch& launch) {
  WgmmaArgs p{};
  p.x = boxes(a.element, a.x, a.m, a.k, kBlockM);
  p.weight = boxes(a.element, a.weight, a.n, a.k, Shape::block_n);
  p.bias = a.bias, p.weight_sums = a.weight_sums, p.residual = a.residual, p.y = a.y;
  p.m = a.m, p.n = a.n, p.k = a.k;
  p.eps = a.eps, p.gelu = a.gelu;
  p.columns = (a.n + Shape::block_n - 1) / Shape::block_n;
  p.tiles = p.columns * ((a.m + kBlockM - 1) / kBlockM);
  const int room = kBlocksPerSm * multiprocessors();
  const Residency residency = residency_of(p.tiles, Shape::shared_bytes);
  p.next_early = residency.next_early || p.tiles >= room;
  launch_kernel(
      "linear_wgmma",
      a.layer_norm ? linear_wgmma_kernel<T, Shape, true> : linear_wgmma_kernel<T, Shape, false>,
      std::min(p.tiles, room), kThreads, residency.shared_bytes, launch, p);
}

template <typename T>
void launch_tile(const LinearArgs& a, int tile, const Launch& launch) {
  if (tile == 0) return launch_wgmma<T, WgmmaShape<128, 3>>(a, launch);
  launch_wgmma<T, WgmmaShape<160, 3>>(a, launch);
}

}  // namespace

void linear_wgmma(const LinearArgs& a, int tile, const Launch& launch) {
  if (a.element == Element::Float16) return launch_tile<__half>(a, tile, launch);
  launch_tile<__nv_bfloat16>(a, tile, launch);
}

}  // namespace vitro::cuda
