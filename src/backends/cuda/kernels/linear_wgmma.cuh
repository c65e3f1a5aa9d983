#pragma once

#include <algorithm>

#include "backends/cuda/kernels/linear_wgmma.h"
#include "backends/cuda/kernels/linear_wgmma_kernel.cuh"

// Launches a kernel of linear_wgmma_kernel.cuh.
namespace vitro::cuda {

template <typename T, int kBlockN>
void launch_wgmma(WgmmaArgs p, const Launch& launch) {
  using Layout = WgmmaLayout<kBlockN>;
  constexpr int kLimit = 227 * 1024, kFit = (kLimit - Layout::fixed_bytes) / Layout::slot_bytes;
  p.columns = (p.n + kBlockN - 1) / kBlockN;
  p.tiles = p.columns * ((p.m + p.rows - 1) / p.rows);
  const int blocks = std::min(p.tiles, multiprocessors());
  p.stages = std::min({kFit, kMaxStages, p.slabs * ((p.tiles + blocks - 1) / blocks)});
  const size_t bytes = static_cast<size_t>(Layout::fixed_bytes + p.stages * Layout::slot_bytes);
  const Residency residency = residency_of(blocks, bytes);
  p.next_early = residency.next_early;
  launch_kernel("linear_wgmma", linear_wgmma_kernel<T, kBlockN>, blocks, kWgmmaThreads,
                residency.shared_bytes, launch, p);
}

/// One translation unit for each type: linear_wgmma_*.cu.
template <typename T>
void launch_wgmma_of(int tile, const WgmmaArgs& args, const Launch& launch) {
  static_assert(kWgmmaTileCount == 2);
  if (tile == 0) return launch_wgmma<T, kWgmmaTiles[0].block_n>(args, launch);
  launch_wgmma<T, kWgmmaTiles[1].block_n>(args, launch);
}
extern template void launch_wgmma_of<__half>(int, const WgmmaArgs&, const Launch&);
extern template void launch_wgmma_of<__nv_bfloat16>(int, const WgmmaArgs&, const Launch&);

}  // namespace vitro::cuda
