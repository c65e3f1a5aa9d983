#include "backends/cuda/kernels/linear_codes.h"

#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/linear_codes_mma.h"
#include "backends/cuda/kernels/linear_wgmma.cuh"
#include "backends/cuda/kernels/tensor_map.h"

namespace vitro::cuda {
namespace {

CUtensorMap matrix(CUtensorMapDataType type, const void* data, int rows, int columns,
                   int box_columns, int box_rows) {
  const auto wide = [](int extent) { return static_cast<uint64_t>(extent); };
  return tensor_map<2>(type, data,
                       {{wide(columns), wide(rows)},
                        {wide(columns)},
                        {static_cast<uint32_t>(box_columns), static_cast<uint32_t>(box_rows)}});
}

bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

/// Narrow tiles where wide ones leave more of their columns empty, or multiprocessors idle.
int choose_tile(const LinearCodesArgs& a) {
  const auto turns = [&](int tile) {
    const int block_n = kWgmmaTiles[tile].block_n;
    const int tiles = (a.n + block_n - 1) / block_n * ((a.m + kWgmmaRows - 1) / kWgmmaRows);
    return (tiles + multiprocessors() - 1) / multiprocessors() * (block_n + 32);
  };
  return turns(0) < turns(1) ? 0 : 1;
}

template <CodeKind kKind>
void launch_of(const LinearCodesArgs& a, int tile, const WgmmaArgs& p, const Launch& launch) {
  const bool makes_codes = a.factor != nullptr;
  if (a.element == Element::Float16)
    return launch_wgmma_codes_of<__half, kKind>(tile, makes_codes, p, launch);
  launch_wgmma_codes_of<__nv_bfloat16, kKind>(tile, makes_codes, p, launch);
}

}  // namespace

const char* linear_codes_refusal(const LinearCodesArgs& a, int capability) {
  if (a.kind == CodeKind::Float8 && capability != 90)
    return "products of 8-bit floats ask for sm_90";
  if (capability < 80) return "products of codes ask for sm_80";
  if (a.m < 1 || a.n < 1 || a.k < 1) return "an extent is below 1";
  if (a.element == Element::Float32) return "the elements are not of 16 bits";
  if (a.k % 16 != 0) return "rows of codes are not a multiple of 16 bytes";
  const bool makes_codes = a.factor != nullptr;
  if (a.n % (makes_codes ? 16 : 8) != 0) return "rows of results are not a multiple of 16 bytes";
  if (makes_codes && a.residual != nullptr) return "codes are not added to";
  for (const void* pointer : {a.x, a.weight, a.residual, static_cast<const void*>(a.y)})
    if (!aligned(pointer)) return "a pointer is not 16-byte aligned";
  return nullptr;
}

void linear_codes(const LinearCodesArgs& a, const Launch& launch) {
  const int capability = compute_capability();
  if (const char* refusal = linear_codes_refusal(a, capability))
    throw std::invalid_argument("linear_codes of m " + std::to_string(a.m) + ", n " +
                                std::to_string(a.n) + ", k " + std::to_string(a.k) + ": " +
                                refusal);
  if (capability != 90) return linear_codes_mma(a, launch);
  constexpr int kSlab = WgmmaLayout<128, WgmmaForm::CodesToFloats>::slab_columns;
  const bool makes_codes = a.factor != nullptr;
  const int tile = makes_codes ? 1 : choose_tile(a);
  const CUtensorMapDataType result = makes_codes ? kMapBytes : map_type(a.element);
  const int result_columns = makes_codes ? 128 : 64;
  WgmmaArgs p{};
  p.slabs = (a.k + kSlab - 1) / kSlab;
  p.x = matrix(kMapBytes, a.x, a.m, a.k, kSlab, kWgmmaRows);
  p.weight = matrix(kMapBytes, a.weight, a.n, a.k, kSlab, kWgmmaTiles[tile].block_n);
  p.y = matrix(result, a.y, a.m, a.n, result_columns, kWgmmaRows);
  p.has_residual = a.residual != nullptr;
  if (p.has_residual) p.residual = matrix(result, a.residual, a.m, a.n, result_columns, kWgmmaRows);
  p.vectors[0] = a.bias, p.vectors[1] = a.scale, p.vectors[2] = a.factor, p.vectors[3] = a.offset;
  p.m = a.m, p.n = a.n;
  p.activation = a.activation;
  if (a.kind == CodeKind::Float8) return launch_of<CodeKind::Float8>(a, tile, p, launch);
  launch_of<CodeKind::Integer>(a, tile, p, launch);
}

}  // namespace vitro::cuda
