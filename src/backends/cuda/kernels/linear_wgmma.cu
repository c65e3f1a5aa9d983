#include "backends/cuda/kernels/linear_wgmma.cuh"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_split.h"
#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

uint64_t wide(int extent) { return static_cast<uint64_t>(extent); }

CUtensorMap matrix(CUtensorMapDataType type, const void* data, int rows, int k, int box_rows) {
  return tensor_map<2>(
      type, data,
      {{wide(k), wide(rows)}, {wide(k)}, {128 / map_bytes(type), static_cast<uint32_t>(box_rows)}});
}

/// [o][ky, kx][c]
CUtensorMap taps(CUtensorMapDataType type, const void* weight, const Windows& v, int rows,
                 int box_rows) {
  const int count = v.kernel_h * v.kernel_w;
  return tensor_map<3>(type, weight,
                       {{wide(v.c), wide(count), wide(rows)},
                        {wide(v.c), wide(v.c) * wide(count)},
                        {128 / map_bytes(type), 1, static_cast<uint32_t>(box_rows)}});
}

}  // namespace

void linear_wgmma(const LinearArgs& a, int tile, const Launch& launch, const Windows* windows) {
  WgmmaArgs p{};
  p.has_windows = windows != nullptr;
  const int block_n = kWgmmaTiles[tile].block_n, split = kWgmmaTiles[tile].split;
  const int result_rows = kWgmmaRows / std::max(1, split);  // of a block
  const CUtensorMapDataType operand = operand_map_type(a.element), result = map_type(a.element);
  const auto slab_columns = static_cast<int>(128 / map_bytes(operand));
  if (p.has_windows) {
    p.windows = *windows;
    p.slabs = window_slabs(*windows, slab_columns);
    p.x = window_map(a.element, a.x, *windows, static_cast<uint32_t>(slab_columns), kWgmmaRows);
    p.weight = taps(operand, a.weight, *windows, a.n, block_n);
  } else {
    p.slabs = (a.k + slab_columns - 1) / slab_columns;
    p.x = matrix(operand, a.x, a.m, a.k, kWgmmaRows);
    p.weight = matrix(operand, a.weight, a.n, a.k, block_n);
  }
  p.y = matrix(result, a.y, a.m, a.n, result_rows);
  p.has_residual = a.residual != nullptr;
  if (p.has_residual) p.residual = matrix(result, a.residual, a.m, a.n, result_rows);
  p.vectors[0] = a.bias;
  if (a.layer_norm)
    p.vectors[1] = a.weight_sums, p.row_sums = a.row_sums, p.row_parts = a.row_parts;
  p.result_sums = a.result_sums;
  p.result_parts = linear_result_parts(a.n, kFirstWgmmaTile + tile);
  p.m = a.m, p.n = a.n;
  p.scale_k = 1.0f / static_cast<float>(a.k);
  p.eps = a.eps, p.activation = a.activation;
  with_element(a.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    split > 0 ? launch_split_of<T>(split, p, launch) : launch_wgmma_of<T>(tile, p, launch);
  });
}

}  // namespace vitro::cuda
