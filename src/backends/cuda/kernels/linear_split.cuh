#pragma once

#include <algorithm>

#include "backends/cuda/kernels/linear_split.h"
#include "backends/cuda/kernels/linear_split_kernel.cuh"

namespace vitro::cuda {

template <typename T, int kSplit>
void launch_split(WgmmaArgs p, const Launch& launch) {
  using Layout = SplitLayout<kSplit, float_form<T>()>;
  constexpr int kRoom = 227 * 1024 - Layout::fixed_bytes;
  p.columns = (p.n + Layout::block_n - 1) / Layout::block_n;
  p.tiles = p.columns * ((p.m + kWgmmaRows - 1) / kWgmmaRows);
  p.stages = std::min({kRoom / Layout::slot_bytes, kMaxStages, (p.slabs + kSplit - 1) / kSplit});
  const size_t bytes = static_cast<size_t>(Layout::fixed_bytes + p.stages * Layout::slot_bytes);
  const Residency residency = residency_of(p.tiles * kSplit, bytes);
  p.next_early = residency.next_early;
  launch_cluster("linear_split", linear_split_kernel<T, Layout>, p.tiles * kSplit,
                 kSplitTeamThreads + 32, kSplit, residency.shared_bytes, launch, p);
}

template <typename T>
void launch_split_of(int split, const WgmmaArgs& args, const Launch& launch) {
  split == 2 ? launch_split<T, 2>(args, launch) : launch_split<T, 4>(args, launch);
}

}  // namespace vitro::cuda
