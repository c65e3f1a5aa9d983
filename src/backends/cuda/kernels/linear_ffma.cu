#include "backends/cuda/kernels/linear_ffma.h"

#include "backends/cuda/kernels/linear_ffma.cuh"

namespace vitro::cuda {

static_assert(std::tuple_size_v<FfmaShapes> == kFfmaTileCount);

size_t ffma_shared_bytes(int tile, RowSource source, int slabs) {
  size_t bytes = 0;
  with_shape<FfmaShapes>(
      tile, [&](auto shape) { bytes = shared_bytes<float, decltype(shape)>(source, slabs); });
  return bytes;
}

void launch_ffma(int tile, RowSource source, const MmaArgs& args, const Launch& launch) {
  with_shape<FfmaShapes>(
      tile, [&](auto shape) { launch_source<float, decltype(shape)>(source, args, launch); });
}

}  // namespace vitro::cuda
