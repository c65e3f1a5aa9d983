#pragma once

#include "backends/cuda/kernels/linear_mma.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Products of float32 on wgmma without TF32's loss. A number is a tf32 and a rest that tf32 holds
// to 2^-22 of the number or better; the products of three of the four pairs of parts, the fourth
// being as small as that, are summed in float32. Tensor cores round their sums towards zero, so
// that those of each slab begin anew and are added by FADDs, which round to the nearest.
namespace vitro::cuda {

struct Tf32Parts {
  uint32_t high[4], low[4];

  /// Of what ldmatrix brings: the products round the low part off by themselves.
  __device__ __forceinline__ void load(const char* row) {
    ldmatrix_x4(low, row);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      high[i] = round_to_tf32(low[i]);
      low[i] = __float_as_uint(__uint_as_float(low[i]) - __uint_as_float(high[i]));
    }
  }
};

/// The sums of a warp, of which four have a block's next 64 rows.
template <class Shape>
struct Tf32x3Sums : MmaSums<Shape> {
  /// As MmaSums::add_slab; slab b is that of the high parts, then that of the low ones.
  template <typename T>
  __device__ __forceinline__ void add_slab(const char* a, const char* b, int warp_m, int, int) {
    const int lane = threadIdx.x % 32;
    Tf32Parts parts[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      parts[i].load(a + swizzled(warp_m * 16 + lane % 16, i * 2 + lane / 16));
    const uint64_t high = wgmma_operand(shared_address(b)),
                   low = wgmma_operand(shared_address(b) + Shape::block_n * kSlabBytes);
    float sums[Shape::block_n / 2];
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      wgmma_64x8_tf32<Shape::block_n>(sums, parts[i].low, high + i * 2, i);
      wgmma_64x8_tf32<Shape::block_n>(sums, parts[i].high, low + i * 2, 1);
      wgmma_64x8_tf32<Shape::block_n>(sums, parts[i].high, high + i * 2, 1);
    }
    wgmma_commit();
    wgmma_wait<0>();
#pragma unroll
    for (int e = 0; e < Shape::block_n / 2; ++e) this->v[0][e / 4][e % 4] += sums[e];
  }
};

template <int kBlockM, int kBlockN, int kStages>
struct Tf32x3Shape : MmaShape<kBlockM, kBlockN, kBlockM / 16, 1, 1, kStages> {
  using Sums = Tf32x3Sums<Tf32x3Shape>;
  static constexpr const char* name = "linear_tf32x3";
  static constexpr int unroll = 1, weight_parts = 2;
  static constexpr bool early_vectors = false;  // the sums take the registers
};
// The rows of kTf32x3Tiles.
using Tf32x3Shapes =
    std::tuple<Tf32x3Shape<64, 64, 3>, Tf32x3Shape<128, 64, 3>, Tf32x3Shape<128, 128, 4>>;

}  // namespace vitro::cuda
