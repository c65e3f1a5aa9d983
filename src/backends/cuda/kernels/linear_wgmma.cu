#include "backends/cuda/kernels/linear_wgmma.cuh"

#include "backends/cuda/kernels/linear_split.h"
#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

uint64_t wide(int extent) { return static_cast<uint64_t>(extent); }

CUtensorMap matrix(Element element, const void* data, int rows, int k, int box_rows) {
  return tensor_map<2>(
      map_type(element), data,
      {{wide(k), wide(rows)}, {wide(k)}, {kWgmmaColumns, static_cast<uint32_t>(box_rows)}});
}

/// [o][ky, kx][c]
CUtensorMap taps(Element element, const void* weight, const Windows& v, int rows, int box_rows) {
  const int count = v.kernel_h * v.kernel_w;
  return tensor_map<3>(map_type(element), weight,
                       {{wide(v.c), wide(count), wide(rows)},
                        {wide(v.c), wide(v.c) * wide(count)},
                        {kWgmmaColumns, 1, static_cast<uint32_t>(box_rows)}});
}

}  // namespace

void linear_wgmma(const LinearArgs& a, int tile, const Launch& launch, const Windows* windows) {
  WgmmaArgs p{};
  p.has_windows = windows != nullptr;
  const auto [ignored, block_m, block_n, split] = kWgmmaTiles[tile];
  const int result_rows = kWgmmaRows / std::max(1, split);  // of a block
  if (p.has_windows) {
    p.windows = *windows;
    p.slabs = window_slabs(*windows, kWgmmaColumns);
    p.x = window_map(a.element, a.x, *windows, kWgmmaColumns, kWgmmaRows);
    p.weight = taps(a.element, a.weight, *windows, a.n, block_n);
  } else {
    p.slabs = (a.k + kWgmmaColumns - 1) / kWgmmaColumns;
    p.x = matrix(a.element, a.x, a.m, a.k, kWgmmaRows);
    p.weight = matrix(a.element, a.weight, a.n, a.k, block_n);
  }
  p.y = matrix(a.element, a.y, a.m, a.n, result_rows);
  p.has_residual = a.residual != nullptr;
  if (p.has_residual) p.residual = matrix(a.element, a.residual, a.m, a.n, result_rows);
  p.vectors[0] = a.bias;
  if (a.layer_norm)
    p.vectors[1] = a.weight_sums, p.row_sums = a.row_sums, p.row_parts = a.row_parts;
  p.result_sums = a.result_sums;
  p.result_parts = linear_result_parts(a.n, kFirstWgmmaTile + tile);
  p.m = a.m, p.n = a.n;
  p.scale_k = 1.0f / static_cast<float>(a.k);
  p.eps = a.eps, p.activation = a.activation;
  const bool half = a.element == Element::Float16;
  if (split > 0)
    half ? launch_split_of<__half>(split, p, launch)
         : launch_split_of<__nv_bfloat16>(split, p, launch);
  else
    half ? launch_wgmma_of<__half>(tile, p, launch)
         : launch_wgmma_of<__nv_bfloat16>(tile, p, launch);
}

}  // namespace vitro::cuda
