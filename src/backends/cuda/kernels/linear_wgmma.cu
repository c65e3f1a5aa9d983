#include "backends/cuda/kernels/linear_wgmma.cuh"

#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

uint64_t wide(int extent) { return static_cast<uint64_t>(extent); }

CUtensorMap matrix(Element element, const void* data, int rows, int k, int box_rows) {
  return tensor_map<2>(
      element, data,
      {{wide(k), wide(rows)}, {wide(k)}, {kWgmmaColumns, static_cast<uint32_t>(box_rows)}});
}

/// [n * oh][ky][ox][kx, c]
CUtensorMap window_rows(Element element, const void* x, const WgmmaWindows& v, int lines) {
  const uint64_t run = wide(v.stride) * wide(v.c), line = wide(v.w) * wide(v.c);
  return tensor_map<4>(
      element, x,
      {{run, wide(v.ow), wide(v.stride), wide(v.n) * wide(v.oh)},
       {run, line, line * wide(v.stride)},
       {kWgmmaColumns, static_cast<uint32_t>(v.ow), 1, static_cast<uint32_t>(lines)}});
}

}  // namespace

const char* wgmma_refusal(const WgmmaWindows& v) {
  if (v.stride * v.c % kWgmmaColumns != 0)
    return "a line of a window is not a multiple of 128 bytes";
  if (v.ow > kWgmmaRows) return "a line has more windows than a tile has rows";
  if (v.oh * v.stride != v.h) return "lines of pixels are left below the windows";
  return nullptr;
}

void linear_wgmma(const LinearArgs& a, int tile, const Launch& launch,
                  const WgmmaWindows* windows) {
  WgmmaArgs p{};
  p.rows = kWgmmaRows;
  if (windows != nullptr) {
    p.lines = kWgmmaRows / windows->ow;
    p.rows = p.lines * windows->ow;
    p.line_slabs = windows->stride * windows->c / kWgmmaColumns;
    p.x = window_rows(a.element, a.x, *windows, p.lines);
  } else {
    p.x = matrix(a.element, a.x, a.m, a.k, kWgmmaRows);
  }
  p.weight = matrix(a.element, a.weight, a.n, a.k, kWgmmaTiles[tile].block_n);
  p.y = matrix(a.element, a.y, a.m, a.n, p.rows);
  p.has_residual = a.residual != nullptr;
  if (p.has_residual) p.residual = matrix(a.element, a.residual, a.m, a.n, p.rows);
  p.bias = a.bias;
  if (a.layer_norm)
    p.weight_sums = a.weight_sums, p.row_sums = a.row_sums, p.row_parts = a.row_parts;
  p.result_sums = a.result_sums;
  p.m = a.m, p.n = a.n;
  p.scale_k = 1.0f / static_cast<float>(a.k);
  p.slabs = (a.k + kWgmmaColumns - 1) / kWgmmaColumns;
  p.eps = a.eps, p.gelu = a.gelu;
  if (a.element == Element::Float16) return launch_wgmma_of<__half>(tile, p, launch);
  launch_wgmma_of<__nv_bfloat16>(tile, p, launch);
}

}  // namespace vitro::cuda
