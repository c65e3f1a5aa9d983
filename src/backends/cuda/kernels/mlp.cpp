#include "backends/cuda/kernels/mlp.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/mlp_kernels.h"

namespace vitro::cuda {
namespace {

/// Shared memory that holds a tile's weights, rows and sums.
bool fits(const MlpArgs& a, int tile) {
  const MlpTile& t = kMlpTiles[tile];
  const int chunks = t.resident ? a.hidden / t.cluster / 64 : 3, row_bytes = 2 * t.rows * a.c;
  const int sums = tile < kMlpRowsCount ? row_bytes : 8 * t.rows * (a.c + 8) * 4;
  return chunks * a.c * 256 + row_bytes + sums + 4 * (a.hidden + a.c) <= 227 * 1024;
}

}  // namespace

std::span<const MlpTile> mlp_tiles() { return kMlpTiles; }

const char* mlp_refusal(const MlpArgs& a, int tile) {
  if (tile < 0 || tile >= static_cast<int>(mlp_tiles().size())) return "there is no tile of this index";
  const MlpTile& t = kMlpTiles[tile];
  if (a.m < 1 || a.hidden < 1) return "an extent is below 1";
  if (a.element == Element::Float32) return "the elements are not of 16 bits";
  if (a.c != t.c) return "the tile is for another width";
  if (a.hidden % (64 * t.cluster) != 0) return "the hidden columns are not whole chunks of 64 for every block";
  if (!t.resident && a.hidden < 128) return "streaming asks for two chunks of hidden columns";
  for (const void* pointer : {a.x, a.fc1_weight, a.fc2_weight, static_cast<const void*>(a.y),
                              static_cast<const void*>(a.fc1_bias), static_cast<const void*>(a.fc2_bias)})
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return "a pointer is not 16-byte aligned";
  if (!fits(a, tile)) return "the weights do not fit shared memory";
  return nullptr;
}

int choose_mlp_tile(const MlpArgs& a, int num_sms, int capability) {
  int best = -1;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < static_cast<int>(mlp_tiles().size()); ++i) {
    const MlpTile& t = kMlpTiles[i];
    if (capability < (t.cluster > 1 ? 90 : 80) || mlp_refusal(a, i) != nullptr) continue;
    // Cycles: rows in waves at the rate that the kernels reach, where the split ones also fetch all
    // weights and add their sums for each block.
    const double blocks = (a.m + t.rows - 1) / t.rows * t.cluster, flop = 4.0 * t.rows * a.c * a.hidden / t.cluster;
    const bool split = i >= kMlpRowsCount;
    const double block = split ? 2500 + flop / 1500 + 4.0 * a.c * a.hidden / t.cluster / 40 : flop / 1300;
    const double cycles = 2500 + block * std::max(1.0, blocks / num_sms);
    if (cycles < least) best = i, least = cycles;
  }
  return best;
}

void mlp(const MlpArgs& a, int tile, const Launch& launch) {
  if (const char* refusal = mlp_refusal(a, tile))
    throw std::invalid_argument("mlp of m " + std::to_string(a.m) + ", c " + std::to_string(a.c) + ", hidden " +
                                std::to_string(a.hidden) + " on tile " + std::to_string(tile) + ": " + refusal);
  if (tile < kMlpRowsCount) return launch_mlp_rows(a, tile, launch);
  launch_mlp_split(a, tile - kMlpRowsCount, launch);
}

}  // namespace vitro::cuda
