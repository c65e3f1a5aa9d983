#pragma once

#include <algorithm>

#include "backends/cuda/kernels/linear_wgmma.h"
#include "backends/cuda/kernels/linear_wgmma_kernel.cuh"

// Launches a kernel of linear_wgmma_kernel.cuh.
namespace vitro::cuda {

/// The blocks of a launch where weights stay, or 0 where they do not: they must leave room for a
/// ring, be used more than once, and cost no more than a twelfth in tiles that are dealt out less
/// evenly.
template <class Layout>
int resident_blocks(const WgmmaArgs& p, int room) {
  constexpr int kFewestStages = 3;
  const int needed = p.slabs * Layout::weight_bytes + kFewestStages * Layout::box_bytes;
  const int per_column = multiprocessors() / p.columns;
  if (needed > room || per_column == 0) return 0;
  const auto turns = [](int tiles, int blocks) { return (tiles + blocks - 1) / blocks; };
  const int resident = turns(p.tiles / p.columns, per_column),
            other = turns(p.tiles, multiprocessors());
  return resident > 1 && 12 * resident <= 13 * other ? per_column * p.columns : 0;
}

template <typename T, class Layout>
void launch_wgmma(WgmmaArgs p, const Launch& launch) {
  constexpr int kRoom = 227 * 1024 - Layout::fixed_bytes;
  p.columns = (p.n + Layout::block_n - 1) / Layout::block_n;
  p.tiles = p.columns * ((p.m + kWgmmaRows - 1) / kWgmmaRows);
  const int resident = resident_blocks<Layout>(p, kRoom);
  p.resident = resident > 0;
  const int blocks = p.resident ? resident : std::min(p.tiles, multiprocessors());
  const int stay = p.resident ? p.slabs * Layout::weight_bytes : 0,
            slot = Layout::box_bytes + (p.resident ? 0 : Layout::weight_bytes);
  p.stages =
      std::min({(kRoom - stay) / slot, kMaxStages, p.slabs * ((p.tiles + blocks - 1) / blocks)});
  const size_t bytes = static_cast<size_t>(Layout::fixed_bytes + stay + p.stages * slot);
  const Residency residency = residency_of(blocks, bytes);
  p.next_early = residency.next_early;
  launch_kernel("linear_wgmma", linear_wgmma_kernel<T, Layout>, blocks, kWgmmaThreads,
                residency.shared_bytes, launch, p);
}

/// One translation unit for each type: linear_wgmma_*.cu.
template <typename T>
void launch_wgmma_of(int tile, const WgmmaArgs& args, const Launch& launch) {
  constexpr WgmmaForm kForm = float_form<T>();
  if (tile == 0) return launch_wgmma<T, WgmmaLayout<kWgmmaTiles[0].block_n, kForm>>(args, launch);
  if constexpr (kForm != WgmmaForm::Tf32)  // which has tile 0 alone
    launch_wgmma<T, WgmmaLayout<kWgmmaTiles[1].block_n, kForm>>(args, launch);
}
/// Of codes, one translation unit for each type and kind: linear_codes_*.cu, linear_float8_*.cu.
/// Tile 0 makes elements alone.
template <typename T, CodeKind kKind>
void launch_wgmma_codes_of(int tile, bool makes_codes, const WgmmaArgs& args,
                           const Launch& launch) {
  using enum WgmmaForm;
  constexpr int kNarrow = kWgmmaTiles[0].block_n, kWide = kWgmmaTiles[1].block_n;
  if (makes_codes) return launch_wgmma<T, WgmmaLayout<kWide, CodesToCodes, kKind>>(args, launch);
  if (tile == 0) return launch_wgmma<T, WgmmaLayout<kNarrow, CodesToFloats, kKind>>(args, launch);
  launch_wgmma<T, WgmmaLayout<kWide, CodesToFloats, kKind>>(args, launch);
}
extern template void launch_wgmma_of<__half>(int, const WgmmaArgs&, const Launch&);
extern template void launch_wgmma_of<__nv_bfloat16>(int, const WgmmaArgs&, const Launch&);
extern template void launch_wgmma_of<float>(int, const WgmmaArgs&, const Launch&);
extern template void launch_wgmma_codes_of<__half, CodeKind::Integer>(int, bool, const WgmmaArgs&,
                                                                      const Launch&);
extern template void launch_wgmma_codes_of<__half, CodeKind::Float8>(int, bool, const WgmmaArgs&,
                                                                     const Launch&);
extern template void launch_wgmma_codes_of<__nv_bfloat16, CodeKind::Integer>(int, bool,
                                                                             const WgmmaArgs&,
                                                                             const Launch&);
extern template void launch_wgmma_codes_of<__nv_bfloat16, CodeKind::Float8>(int, bool,
                                                                            const WgmmaArgs&,
                                                                            const Launch&);

}  // namespace vitro::cuda
