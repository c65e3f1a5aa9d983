#include "backends/cuda/kernels/linear.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/linear_cost.h"
#include "backends/cuda/kernels/linear_ffma.h"
#include "backends/cuda/kernels/linear_scalar.h"
#include "backends/cuda/kernels/linear_slabs.h"
#include "backends/cuda/kernels/linear_tf32x3.h"
#include "backends/cuda/kernels/linear_tma.h"
#include "backends/cuda/kernels/linear_wgmma.h"

namespace vitro::cuda {
namespace {

constexpr int kTileCount = kFirstTf32x3Tile + kTf32x3TileCount;

constexpr auto kTiles = [] {
  std::array<LinearTile, kTileCount> tiles{};
  tiles[0] = {"scalar_64x64", LinearKind::Scalar, 64, 64, 1};
  for (int i = 0; i < kMmaTileCount; ++i) {
    const MmaTile& t = kMmaTiles[i];
    tiles[kFirstMmaTile + i] = {t.name, LinearKind::Mma, t.block_m, t.block_n, t.stages};
  }
  for (int i = 0; i < kWgmmaTileCount; ++i) {
    const WgmmaTile& t = kWgmmaTiles[i];
    tiles[kFirstWgmmaTile + i] = {t.name, LinearKind::Wgmma, t.block_m, t.block_n, 0, t.split};
  }
  for (int i = 0; i < kTmaTileCount; ++i) {
    const TmaTile& t = kTmaTiles[i];
    tiles[kFirstTmaTile + i] = {t.name, LinearKind::Tma, t.block_m, t.block_n, 0};
  }
  for (int i = 0; i < kFfmaTileCount; ++i) {
    const MmaTile& t = kFfmaTiles[i];
    tiles[kFirstFfmaTile + i] = {t.name, LinearKind::Ffma, t.block_m, t.block_n, t.stages};
  }
  for (int i = 0; i < kTf32x3TileCount; ++i) {
    const MmaTile& t = kTf32x3Tiles[i];
    tiles[kFirstTf32x3Tile + i] = {t.name, LinearKind::Tf32x3, t.block_m, t.block_n, t.stages};
  }
  return tiles;
}();

bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

RowSource source_of(const LinearArgs& a) {
  return a.layer_norm && a.row_parts == 0 ? RowSource::NormedRows : RowSource::Rows;
}

}  // namespace

std::span<const LinearTile> linear_tiles() { return kTiles; }

const char* linear_refusal(const LinearArgs& a, int tile, int capability) {
  if (tile < 0 || tile >= kTileCount) return "there is no tile of this index";
  if (a.m < 1 || a.n < 1 || a.k < 1) return "an extent is below 1";
  const LinearKind kind = kTiles[static_cast<size_t>(tile)].kind;
  if (kind == LinearKind::Scalar)
    return a.result_sums != nullptr ? "the scalar tile leaves no sums of rows" : nullptr;
  if (a.layer_norm && a.row_parts > 0 && a.weight_sums == nullptr)
    return "row_sums come without weight_sums";
  if (capability < 80) return "tiles ask for sm_80";
  const bool wide = a.element == Element::Float32;
  if (takes_slabs(kind))
    if (const char* refusal = slab_refusal(kind, {a.element, a.tf32, a.weight_parts, capability}))
      return refusal;
  if (a.k % (wide ? 4 : 8) != 0) return "rows of x are not a multiple of 16 bytes";
  if (a.n % 8 != 0) return "n is not a multiple of 8";
  for (const void* pointer :
       {a.x, a.weight, a.residual, static_cast<const void*>(a.y), static_cast<const void*>(a.bias),
        static_cast<const void*>(a.weight_sums)})
    if (!aligned(pointer)) return "a pointer is not 16-byte aligned";
  if (kind == LinearKind::Wgmma) {
    if (capability != 90) return "wgmma asks for sm_90";
    if (a.layer_norm && a.row_parts == 0) return "wgmma with layer_norm asks for row_sums";
    return wgmma_refusal(tile - kFirstWgmmaTile, a.element, a.tf32, mma_slabs(a.element, a.k));
  }
  if (kind == LinearKind::Tma) {
    if (capability < 90) return "the copy engine asks for sm_90";
    if (wide) return "tma tiles are for 16 bits";
    if (a.k % 64 != 0) return "k is not a multiple of 64";
    if (a.layer_norm && a.row_parts == 0) return "tma tiles with layer_norm ask for row_sums";
    return tma_shared_bytes(tile - kFirstTmaTile, a.k) > shared_memory_limit(capability)
               ? "the operands of a block do not fit shared memory"
               : nullptr;
  }
  return slab_shared_bytes(tile, a.element, source_of(a), mma_slabs(a.element, a.k)) >
                 shared_memory_limit(capability)
             ? "the rows to normalise do not fit shared memory"
             : nullptr;
}

std::vector<int> rank_linear_tiles(const LinearArgs& a, int num_sms, int capability) {
  const int slabs = mma_slabs(a.element, a.k);
  return rank_tiles([&](int tile) -> std::optional<double> {
    if (linear_refusal(a, tile, capability) != nullptr) return std::nullopt;
    return expected_cycles(kTiles[static_cast<size_t>(tile)], a.m, a.n, slabs, num_sms);
  });
}

int linear_result_parts(int n, int tile) {
  const LinearTile& shape = kTiles[static_cast<size_t>(tile)];
  return shape.kind == LinearKind::Scalar ? 0 : (n + shape.block_n - 1) / shape.block_n;
}

MmaArgs mma_args(const LinearArgs& a, LinearKind kind) {
  MmaArgs p{};
  p.weight = kind == LinearKind::Tf32x3 ? a.weight_parts : a.weight;
  p.x = a.x, p.bias = a.bias, p.residual = a.residual, p.y = a.y;
  p.m = a.m, p.n = a.n, p.k = a.k, p.slabs = mma_slabs(a.element, a.k);
  p.scale_k = 1.0f / static_cast<float>(a.k);
  p.eps = a.eps, p.activation = a.activation;
  if (a.layer_norm && a.row_parts > 0)
    p.row_sums = a.row_sums, p.weight_sums = a.weight_sums, p.row_parts = a.row_parts;
  p.result_sums = a.result_sums;
  return p;
}

void linear(const LinearArgs& a, int tile, const Launch& launch) {
  if (const char* refusal = linear_refusal(a, tile, compute_capability()))
    throw std::invalid_argument("linear of m " + std::to_string(a.m) + ", n " +
                                std::to_string(a.n) + ", k " + std::to_string(a.k) + " on tile " +
                                std::to_string(tile) + ": " + refusal);
  const LinearKind kind = kTiles[static_cast<size_t>(tile)].kind;
  switch (kind) {
    case LinearKind::Scalar:
      return linear_scalar(a, launch);
    case LinearKind::Wgmma:
      return linear_wgmma(a, tile - kFirstWgmmaTile, launch);
    case LinearKind::Tma:
      return linear_tma(a, tile - kFirstTmaTile, launch);
    case LinearKind::Mma:
    case LinearKind::Ffma:
    case LinearKind::Tf32x3:
      return launch_slabs(tile, a.element, source_of(a), mma_args(a, kind), launch);
  }
}

}  // namespace vitro::cuda
