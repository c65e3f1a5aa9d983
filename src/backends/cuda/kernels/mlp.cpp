#include "backends/cuda/kernels/mlp.h"

#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/mlp_kernels.h"

namespace vitro::cuda {
namespace {

/// Shared memory that holds a tile's weights, rows and, where warps split columns, sums.
bool fits(const MlpArgs& a, int tile, int capability) {
  const MlpTile& t = kMlpTiles[tile];
  const int chunks = t.resident ? a.hidden / 64 : 3, row_bytes = 2 * t.rows * a.c;
  const int more = tile < kMlpRowsCount ? row_bytes : 8 * t.rows * (a.c + 8) * 4;
  const int bytes = chunks * a.c * 256 + row_bytes + more + 4 * (a.hidden + a.c);
  return static_cast<size_t>(bytes) <= shared_memory_limit(capability);
}

}  // namespace

std::span<const MlpTile> mlp_tiles() { return kMlpTiles; }

const char* mlp_refusal(const MlpArgs& a, int tile, int capability) {
  if (tile < 0 || tile >= static_cast<int>(mlp_tiles().size()))
    return "there is no tile of this index";
  const MlpTile& t = kMlpTiles[tile];
  if (a.m < 1 || a.hidden < 1) return "an extent is below 1";
  if (a.element == Element::Float32) return "the elements are not of 16 bits";
  if (t.wgmma ? capability != 90 : capability < 80)
    return t.wgmma ? "wgmma asks for sm_90" : "the tensor cores' tiles ask for sm_80";
  if (a.c != t.c) return "the tile is for another width";
  if (a.hidden % 64 != 0) return "the hidden columns are not whole chunks of 64";
  if (!t.resident && a.hidden < 128) return "streaming asks for two chunks of hidden columns";
  for (const void* pointer :
       {a.x, a.fc1_weight, a.fc2_weight, static_cast<const void*>(a.y),
        static_cast<const void*>(a.fc1_bias), static_cast<const void*>(a.fc2_bias)})
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return "a pointer is not 16-byte aligned";
  if (!fits(a, tile, capability)) return "the weights do not fit shared memory";
  return nullptr;
}

int choose_mlp_tile(const MlpArgs& a, int num_sms, int capability) {
  const auto groups = [&](int tile) {
    return (a.m + kMlpTiles[tile].rows - 1) / kMlpTiles[tile].rows;
  };
  const auto runs = [&](int tile) { return mlp_refusal(a, tile, capability) == nullptr; };
  // Streaming a group's weights takes its time however few groups there are, and two linears cut
  // rows finer: measured, they are faster while less than half of the multiprocessors have a group.
  const int wide = runs(3) ? 3 : 1;
  if (runs(wide)) return groups(wide) * 2 >= num_sms ? wide : -1;
  // Two blocks that split columns fit a multiprocessor.
  if (runs(4) && groups(4) <= 3 * num_sms) return 4;
  return runs(2) ? 2 : runs(0) ? 0 : -1;
}

void mlp(const MlpArgs& a, int tile, const Launch& launch) {
  if (const char* refusal = mlp_refusal(a, tile, compute_capability()))
    throw std::invalid_argument("mlp of m " + std::to_string(a.m) + ", c " + std::to_string(a.c) +
                                ", hidden " + std::to_string(a.hidden) + " on tile " +
                                std::to_string(tile) + ": " + refusal);
  if (kMlpTiles[tile].wgmma) return launch_mlp_wgmma(a, tile, launch);
  if (tile < kMlpRowsCount) return launch_mlp_rows(a, tile, launch);
  launch_mlp_split(a, launch);
}

}  // namespace vitro::cuda
