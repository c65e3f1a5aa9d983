#pragma once

#include "backends/cuda/kernels/linear_kernel.cuh"

// Products on mma.sync.
namespace vitro::cuda {

template <typename T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1) {
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

/// The sums of a warp, as mma.sync leaves them.
template <class Shape>
struct MmaSums {
  float v[Shape::tiles_m][Shape::tiles_n][4];

  /// Adds a slab's product; a warp takes every warps_k-th of its four steps of 32 bytes.
  template <typename T>
  __device__ __forceinline__ void add_slab(const char* a, const char* b, int warp_m, int warp_n,
                                           int warp_k) {
    const int lane = threadIdx.x % 32;
    const int row_a = warp_m * Shape::tiles_m * 16 + lane % 16, chunk_a = lane / 16;
    const int row_b = warp_n * Shape::tiles_n * 8 + lane / 16 * 8 + lane % 8,
              chunk_b = lane / 8 % 2;
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
          multiply<T>(v[mt][nt], fa[mt], fb[0], fb[1]);
          multiply<T>(v[mt][nt + 1], fa[mt], fb[2], fb[3]);
        }
      }
    }
  }
  __device__ __forceinline__ void store(float* shared, int warp_m, int warp_n, int warp_k) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int mt = 0; mt < Shape::tiles_m; ++mt)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row =
            (warp_k * Shape::block_m) + (warp_m * Shape::tiles_m + mt) * 16 + half * 8 + lane / 4;
        float* dst = shared + row * Shape::pitch + warp_n * Shape::tiles_n * 8 + lane % 4 * 2;
#pragma unroll
        for (int nt = 0; nt < Shape::tiles_n; ++nt)
          *reinterpret_cast<float2*>(dst + nt * 8) =
              float2{v[mt][nt][half * 2], v[mt][nt][half * 2 + 1]};
      }
  }
};

template <int kBlockM, int kBlockN, int kWarpsM, int kWarpsN, int kWarpsK, int kStages>
struct MmaShape {
  using Sums = MmaSums<MmaShape>;
  static constexpr const char* name = "linear_mma";
  static constexpr int block_m = kBlockM, block_n = kBlockN, stages = kStages;
  static constexpr int warps_m = kWarpsM, warps_n = kWarpsN, warps_k = kWarpsK;
  static constexpr int blocks = 0;  // that a multiprocessor has to hold; 0: the compiler decides
  static constexpr int weight_parts = 1;       // matrices of weights that are multiplied
  static constexpr bool early_vectors = true;  // biases are loaded before the products
  static constexpr int threads = 32 * kWarpsM * kWarpsN * kWarpsK;
  static constexpr int tiles_m = kBlockM / kWarpsM / 16, tiles_n = kBlockN / kWarpsN / 8;
  // Slabs multiplied in a row; where one takes many instructions, more gain nothing.
  static constexpr int unroll = tiles_m * tiles_n * 4 / kWarpsK < 16 ? 4 : 1;
  static constexpr int pitch = kBlockN + 8;  // of the float32 sums, without bank conflicts
  static constexpr size_t sum_bytes = sizeof(float) * kWarpsK * kBlockM * pitch;
};
// The rows of kMmaTiles.
using MmaShapes = std::tuple<MmaShape<16, 16, 1, 1, 4, 32>, MmaShape<16, 32, 1, 1, 4, 20>,
                             MmaShape<16, 64, 1, 2, 4, 8>, MmaShape<32, 32, 1, 1, 4, 8>,
                             MmaShape<32, 64, 1, 2, 4, 8>, MmaShape<64, 64, 2, 2, 2, 5>,
                             MmaShape<128, 64, 4, 2, 1, 4>, MmaShape<128, 128, 2, 4, 1, 3>>;

/// One translation unit for each type: linear_mma_*.cu.
template <typename T>
void launch_mma_of(int tile, RowSource source, const MmaArgs& args, const Launch& launch) {
  with_shape<MmaShapes>(
      tile, [&](auto shape) { launch_source<T, decltype(shape)>(source, args, launch); });
}
extern template void launch_mma_of<__half>(int, RowSource, const MmaArgs&, const Launch&);
extern template void launch_mma_of<__nv_bfloat16>(int, RowSource, const MmaArgs&, const Launch&);
extern template void launch_mma_of<float>(int, RowSource, const MmaArgs&, const Launch&);

}  // namespace vitro::cuda
