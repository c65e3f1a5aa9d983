#include "backends/cuda/kernels/linear_wgmma.h"

#include <cuda.h>

#include <stdexcept>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/gelu.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

namespace vitro::cuda {
namespace {

// Eight warps multiply, 64 rows for each four of them; one thread also keeps the copy engine busy. Two
// blocks share a multiprocessor, so that one multiplies while the other finishes its results.
constexpr int kBlockM = 128, kColumns = 64, kThreads = 256;
constexpr int kSlabA = kBlockM * 128;

struct WgmmaArgs {
  CUtensorMap x, weight;
  const float* bias;
  const float* weight_sums;
  const void* residual;
  void* y;
  int m, n, k;
  float eps;
  bool gelu;
};

template <int kBlockN, int kStages>
struct WgmmaShape {
  static constexpr int block_n = kBlockN, stages = kStages, slab_bytes = kSlabA + kBlockN * 128;
  static constexpr int blocks = kBlockN <= 160 ? 2 : 1;  // on a multiprocessor
  static constexpr int statistics = stages * slab_bytes, barriers = statistics + kBlockM * 8;
  static constexpr int shared_bytes = barriers + stages * 16 + 1024;  // room to align
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)

/// What one of four lanes holds for each of four columns of eight results, the others hold for the
/// same columns: afterwards lane i has all of column i. Its own inverse.
__device__ __forceinline__ void transpose_quad(uint32_t (&w)[4]) {
  const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const uint32_t other = __shfl_xor_sync(0xffffffffu, odd ? w[i] : w[i + 1], 1);
    (odd ? w[i] : w[i + 1]) = other;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const uint32_t other = __shfl_xor_sync(0xffffffffu, high ? w[i] : w[i + 2], 2);
    (high ? w[i] : w[i + 2]) = other;
  }
}

/// Sums over half a row of x, of differences to its first element; two threads share a row.
struct RowSums {
  float first, sum, squares;
  template <typename T>
  __device__ __forceinline__ void add_slab(const char* rows, int slab, int k) {
    const int row = threadIdx.x % 128 / 2;
    const char* line = rows + row * 128;
    if (slab == 0) {
      first = to_float(*reinterpret_cast<const T*>(line + ((row & 7) << 4)));
      sum = squares = 0;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int chunk = i * 2 + threadIdx.x % 2;
      if (slab * kColumns + chunk * 8 >= k) break;
      float v[8];
      Eight<T>::load(reinterpret_cast<const T*>(line + ((chunk ^ (row & 7)) << 4))).unpack(v);
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const float d = v[e] - first;
        sum += d;
        squares = fmaf(d, d, squares);
      }
    }
  }
  /// Mean and 1 / deviation.
  __device__ __forceinline__ float2 finish(int k, float eps) const {
    const float scale_k = 1.0f / static_cast<float>(k), shift = sum_lanes<2>(sum) * scale_k;
    const float variance = fmaxf(fmaf(-shift, shift, sum_lanes<2>(squares) * scale_k), 0.0f);
    return float2{first + shift, rsqrtf(variance + eps)};
  }
};

/// The copies that one thread of a block starts.
template <class Shape>
struct Copies {
  const WgmmaArgs& p;
  uint32_t slabs, full, empty;
  __device__ __forceinline__ void weight(int slab, int stage) const {
    barrier_arrive_expect(full + stage * 8, Shape::slab_bytes);
    copy_box(slabs + stage * Shape::slab_bytes + kSlabA, &p.weight, slab * kColumns, blockIdx.x * Shape::block_n,
             full + stage * 8);
  }
  __device__ __forceinline__ void x(int slab, int stage) const {
    copy_box(slabs + stage * Shape::slab_bytes, &p.x, slab * kColumns, blockIdx.y * kBlockM, full + stage * 8);
  }
  __device__ __forceinline__ void start(int count) const {
    const int first = min(count, Shape::stages);
    for (int s = 0; s < first; ++s) weight(s, s);
    wait_for_previous();
    for (int s = 0; s < first; ++s) x(s, s);
  }
  /// Slab `slab` to the stage that all warps have left.
  __device__ __forceinline__ void refill(int slab) const {
    const int stage = slab % Shape::stages;
    barrier_wait(empty + stage * 8, (slab / Shape::stages - 1) & 1);
    weight(slab, stage);
    x(slab, stage);
  }
};

template <typename T, class Shape, bool kNorm>
__device__ __forceinline__ void finish(const WgmmaArgs& p, const float (&sums)[Shape::block_n / 2],
                                       const float2* statistics) {
  const int lane = threadIdx.x % 32, quad = lane % 4;
  const int local = threadIdx.x / 32 * 16 + lane / 4;  // and 8 rows below
  const int column0 = blockIdx.x * Shape::block_n;
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
      const int row = blockIdx.y * kBlockM + local + half * 8;
      at[half] = static_cast<int64_t>(row) * p.n + mine;
      inside[half] = row < p.m && mine < p.n;
      if (p.residual != nullptr) {
        const uint4 bits = inside[half] ? *reinterpret_cast<const uint4*>(static_cast<const T*>(p.residual) + at[half])
                                        : uint4{0, 0, 0, 0};
        residual[half][0] = bits.x, residual[half][1] = bits.y, residual[half][2] = bits.z, residual[half][3] = bits.w;
        transpose_quad(residual[half]);
      }
    }
    uint32_t out[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int column = column0 + group * 32 + j * 8 + quad * 2;
      float2 bias{}, total{};
      if (p.bias != nullptr && column < p.n) bias = __ldg(reinterpret_cast<const float2*>(p.bias + column));
      if (kNorm && column < p.n) total = __ldg(reinterpret_cast<const float2*>(p.weight_sums + column));
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float first = sums[(group * 4 + j) * 4 + half * 2], second = sums[(group * 4 + j) * 4 + half * 2 + 1];
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
__global__ void __launch_bounds__(kThreads, Shape::blocks)
    linear_wgmma_kernel(const __grid_constant__ WgmmaArgs p) {
  extern __shared__ char unaligned[];
  char* const shared = unaligned + (-shared_address(unaligned) & 1023);
  const uint32_t slabs = shared_address(shared), full = slabs + Shape::barriers, empty = full + Shape::stages * 8;
  if (threadIdx.x == 0) {
    for (int s = 0; s < Shape::stages; ++s) {
      barrier_init(full + s * 8, 1);
      barrier_init(empty + s * 8, kThreads / 32);
    }
    barrier_init_fence();
  }
  __syncthreads();
  allow_next();
  const int group = threadIdx.x / 128, count = (p.k + kColumns - 1) / kColumns;
  const Copies<Shape> copies{p, slabs, full, empty};
  if (threadIdx.x == 0) copies.start(count);
  wait_for_previous();
  float sums[Shape::block_n / 2];
  RowSums rows;
  for (int s = 0; s < count; ++s) {
    const int stage = s % Shape::stages;
    barrier_wait(full + stage * 8, s / Shape::stages & 1);
    const int slab = stage * Shape::slab_bytes;
    const uint64_t a = wgmma_operand(slabs + slab + group * 64 * 128), b = wgmma_operand(slabs + slab + kSlabA);
    wgmma_fence();
#pragma unroll
    for (int step = 0; step < 4; ++step) wgmma_64x16<T, Shape::block_n>(sums, a + step * 2, b + step * 2, s + step);
    wgmma_commit();
    if constexpr (kNorm) rows.add_slab<T>(shared + slab + group * 64 * 128, s, p.k);
    // The products of the slab before are done, and so are its readers.
    wgmma_wait<1>();
    if (s > 0 && threadIdx.x % 32 == 0) {
      barrier_arrive(empty + (s - 1) % Shape::stages * 8);
      if (threadIdx.x == 0 && s - 1 + Shape::stages < count) copies.refill(s - 1 + Shape::stages);
    }
  }
  wgmma_wait<0>();
  float2* const statistics = reinterpret_cast<float2*>(shared + Shape::statistics);
  if constexpr (kNorm) {
    const float2 norm = rows.finish(p.k, p.eps);
    if (threadIdx.x % 2 == 0) statistics[threadIdx.x / 2] = norm;
    __syncwarp();  // a warp's rows are its own: 16 of them
  }
  finish<T, Shape, kNorm>(p, sums, statistics);
}

#else

template <typename T, class Shape, bool kNorm>
__global__ void linear_wgmma_kernel(const __grid_constant__ WgmmaArgs) {}

#endif

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                            const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

/// The driver's function, without linking the driver: a program starts where there is none.
Encode encode_function() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
               "cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess) throw std::runtime_error("the driver has no cuTensorMapEncodeTiled");
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
  const CUresult result = encode_function()(
      &map, element == Element::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2,
      const_cast<void*>(matrix), extents, pitch, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
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
  const dim3 grid((a.n + Shape::block_n - 1) / Shape::block_n, (a.m + kBlockM - 1) / kBlockM);
  launch_kernel("linear_wgmma",
                a.layer_norm ? linear_wgmma_kernel<T, Shape, true> : linear_wgmma_kernel<T, Shape, false>, grid,
                kThreads, Shape::shared_bytes, launch, p);
}

template <typename T>
void launch_tile(const LinearArgs& a, int tile, const Launch& launch) {
  if (tile == 0) return launch_wgmma<T, WgmmaShape<128, 3>>(a, launch);
  if (tile == 1) return launch_wgmma<T, WgmmaShape<160, 3>>(a, launch);
  launch_wgmma<T, WgmmaShape<256, 4>>(a, launch);
}

}  // namespace

void linear_wgmma(const LinearArgs& a, int tile, const Launch& launch) {
  if (a.element == Element::Float16) return launch_tile<__half>(a, tile, launch);
  launch_tile<__nv_bfloat16>(a, tile, launch);
}

}  // namespace vitro::cuda
