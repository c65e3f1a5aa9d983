#include "backends/cuda/kernels/linear_tma.cuh"

namespace vitro::cuda {
namespace {

static_assert(std::tuple_size_v<TmaShapes> == kTmaTileCount);

/// The largest divisor of `slabs` that is no larger than a group may be.
int group_of(int slabs) {
  for (int group = std::min(slabs, kMaxTmaGroup);; --group)
    if (slabs % group == 0) return group;
}

/// [rows, k] as [slab][row][64]: a box is a block's rows of some slabs.
CUtensorMap slabs_of(Element element, const void* data, int rows, int block, const TmaArgs& p) {
  const uint64_t columns = kSlabColumns<__half>;
  return tensor_map<3>(
      map_type(element), data,
      {{columns, static_cast<uint64_t>(rows), static_cast<uint64_t>(p.slabs)},
       {columns * static_cast<uint64_t>(p.slabs), columns},
       {kSlabColumns<__half>, static_cast<uint32_t>(block), static_cast<uint32_t>(p.group)}});
}

}  // namespace

size_t tma_shared_bytes(int tile, int k) {
  size_t bytes = 0;
  with_tma_shape(tile, [&](auto shape) {
    bytes = TmaLayout<decltype(shape)>::bytes(k / kSlabColumns<__half>);
  });
  return bytes;
}

void linear_tma(const LinearArgs& a, int tile, const Launch& launch) {
  TmaArgs p{};
  p.slabs = a.k / kSlabColumns<__half>;
  p.group = group_of(p.slabs);
  p.groups = p.slabs / p.group;
  p.x = slabs_of(a.element, a.x, a.m, kTmaTiles[tile].block_m, p);
  p.weight = slabs_of(a.element, a.weight, a.n, kTmaTiles[tile].block_n, p);
  p.ends = mma_args(a, LinearKind::Tma);
  if (a.element == Element::Float16) return launch_tma_of<__half>(tile, p, launch);
  launch_tma_of<__nv_bfloat16>(tile, p, launch);
}

}  // namespace vitro::cuda
