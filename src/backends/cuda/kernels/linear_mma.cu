#include "backends/cuda/kernels/linear_mma.cuh"

namespace vitro::cuda {

static_assert(std::tuple_size_v<MmaShapes> == kMmaTileCount);

size_t mma_shared_bytes(Element element, int tile, RowSource source, int slabs) {
  size_t bytes = 0;
  with_element(element, [&](auto tag) {
    with_shape<MmaShapes>(tile, [&](auto shape) {
      bytes = shared_bytes<typename decltype(tag)::type, decltype(shape)>(source, slabs);
    });
  });
  return bytes;
}

void launch_mma(Element element, int tile, RowSource source, const MmaArgs& args,
                const Launch& launch) {
  with_element(element, [&](auto tag) {
    launch_mma_of<typename decltype(tag)::type>(tile, source, args, launch);
  });
}

}  // namespace vitro::cuda
