#include "backends/cuda/kernels/linear_wgmma.cuh"

#include <array>
#include <stdexcept>

namespace vitro::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                            const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);

/// The driver's function, without linking the driver: a program starts where there is none.
Encode encode_function() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                cudaEnableDefault, &found),
               "cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess)
      throw std::runtime_error("the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(function);
  }();
  return encode;
}

/// Boxes of a tensor of 16-bit elements whose innermost extent is dense; zeros outside. `pitch` is
/// in elements, of the extents behind the first.
template <size_t kRank>
CUtensorMap boxes(Element element, const void* data, const std::array<cuuint64_t, kRank>& extents,
                  const std::array<cuuint64_t, kRank - 1>& pitch,
                  const std::array<cuuint32_t, kRank>& box) {
  CUtensorMap map;
  std::array<cuuint64_t, kRank - 1> bytes;
  for (size_t i = 0; i + 1 < kRank; ++i) bytes[i] = pitch[i] * 2;
  std::array<cuuint32_t, kRank> steps;
  steps.fill(1);
  const CUresult result =
      encode_function()(&map,
                        element == Element::Float16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                    : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                        kRank, const_cast<void*>(data), extents.data(), bytes.data(), box.data(),
                        steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) throw std::runtime_error("linear: the driver refuses a tensor map");
  return map;
}

cuuint64_t wide(int extent) { return static_cast<cuuint64_t>(extent); }

CUtensorMap matrix(Element element, const void* data, int rows, int k, int box_rows) {
  return boxes<2>(element, data, {wide(k), wide(rows)}, {wide(k)},
                  {kWgmmaColumns, static_cast<cuuint32_t>(box_rows)});
}

/// [n * oh][ky][ox][kx, c]
CUtensorMap window_rows(Element element, const void* x, const WgmmaWindows& v, int lines) {
  const cuuint64_t run = wide(v.stride) * wide(v.c), line = wide(v.w) * wide(v.c);
  return boxes<4>(
      element, x, {run, wide(v.ow), wide(v.stride), wide(v.n) * wide(v.oh)},
      {run, line, line * wide(v.stride)},
      {kWgmmaColumns, static_cast<cuuint32_t>(v.ow), 1, static_cast<cuuint32_t>(lines)});
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
  p.m = a.m, p.n = a.n, p.k = a.k;
  p.slabs = (a.k + kWgmmaColumns - 1) / kWgmmaColumns;
  p.eps = a.eps, p.gelu = a.gelu;
  if (a.element == Element::Float16) return launch_wgmma_of<__half>(tile, p, launch);
  launch_wgmma_of<__nv_bfloat16>(tile, p, launch);
}

}  // namespace vitro::cuda
