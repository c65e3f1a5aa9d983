#include "backends/cuda/kernels/linear_tf32x3.h"

#include "backends/cuda/kernels/linear_tf32x3.cuh"

namespace vitro::cuda {

static_assert(std::tuple_size_v<Tf32x3Shapes> == kTf32x3TileCount);

size_t tf32x3_shared_bytes(int tile, RowSource source, int slabs) {
  size_t bytes = 0;
  with_shape<Tf32x3Shapes>(
      tile, [&](auto shape) { bytes = shared_bytes<float, decltype(shape)>(source, slabs); });
  return bytes;
}

void launch_tf32x3(int tile, RowSource source, const MmaArgs& args, const Launch& launch) {
  with_shape<Tf32x3Shapes>(
      tile, [&](auto shape) { launch_source<float, decltype(shape)>(source, args, launch); });
}

}  // namespace vitro::cuda
