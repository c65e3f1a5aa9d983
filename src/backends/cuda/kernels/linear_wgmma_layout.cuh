#pragma once

#include <cuda.h>

#include <cstdint>

// What a kernel of linear_wgmma_kernel.cuh works on, and where: arguments, shared memory, tiles.
namespace vitro::cuda {

inline constexpr int kWgmmaRows = 128;    // of a tile
inline constexpr int kWgmmaColumns = 64;  // of k in a slab
inline constexpr int kTeams = 2, kTeamThreads = 256;
inline constexpr int kMaxStages = 12;
// Registers are handed over by four warps, so that the producer brings three idle ones.
inline constexpr int kWgmmaThreads = kTeams * kTeamThreads + 128;
inline constexpr int kTeamRegisters = 112, kProducerRegisters = 24;

struct WgmmaArgs {
  CUtensorMap x, weight, residual, y;
  const float* bias;
  const float* weight_sums;
  const float2* row_sums;
  float2* result_sums;
  int m, n, k;
  int row_parts;
  int slabs;       // of k
  int rows;        // of results in a tile: kWgmmaRows, or whole lines of windows
  int lines;       // of results in a tile, for windows
  int line_slabs;  // of k in a line of a window; 0: x is a matrix
  int columns;     // tiles beside each other
  int tiles;
  int stages;  // of the ring
  float eps;
  bool gelu;
  bool has_residual;
  bool next_early;
};

/// What lies where in shared memory, from a multiple of 1024 bytes on.
template <int kBlockN>
struct WgmmaLayout {
  static constexpr int box_bytes = kWgmmaRows * 128;  // of 64 columns of x or of results
  static constexpr int weight_bytes = kBlockN * 128;
  static constexpr int slot_bytes = box_bytes + weight_bytes;
  static constexpr int boxes = kBlockN / 64, result_bytes = boxes * box_bytes;  // of a tile
  static constexpr int norm_bytes = kTeams * kWgmmaRows * 8;
  static constexpr int vector_bytes = kTeams * 2 * kBlockN * 4;
  static constexpr int barrier_bytes = (2 * kMaxStages + 3 * kTeams) * 8;
  static constexpr int fixed_bytes =
      kTeams * result_bytes + norm_bytes + vector_bytes + barrier_bytes + 1024;
  uint32_t results, ring, norms, vectors;
  uint32_t full, empty;                     // places of the ring
  uint32_t turns, residuals, results_read;  // by team

  __device__ __forceinline__ WgmmaLayout(uint32_t base, const WgmmaArgs& p) {
    results = base;
    ring = results + kTeams * result_bytes;
    norms = ring + p.stages * slot_bytes;
    vectors = norms + norm_bytes;
    full = vectors + vector_bytes;
    empty = full + kMaxStages * 8;
    turns = empty + kMaxStages * 8;
    residuals = turns + kTeams * 8;
    results_read = residuals + kTeams * 8;
  }
};

/// The tiles of a block, counted column by column, then the rows below: blocks that read the same
/// rows do so at the same time, while the L2 cache has them.
struct WgmmaTiles {
  int columns, count, row, column;
  int next_row, next_column;
  __device__ __forceinline__ explicit WgmmaTiles(const WgmmaArgs& p) : columns(p.columns) {
    const int step = gridDim.x, first = blockIdx.x;
    count = (p.tiles - first + step - 1) / step;
    row = first / columns, column = first % columns;
    next_row = step / columns, next_column = step % columns;
  }
  __device__ __forceinline__ void next() {
    row += next_row, column += next_column;
    if (column >= columns) column -= columns, ++row;
  }
};

/// A place in the ring, and the parity of the turn it is in.
struct RingPlace {
  int slot = 0, parity = 0;
  __device__ __forceinline__ void next(int stages) {
    if (++slot == stages) slot = 0, parity ^= 1;
  }
  __device__ __forceinline__ void skip(int places, int stages) {
    const int all = slot + places, turns = all / stages;
    slot = all - turns * stages;
    parity ^= turns & 1;
  }
};

}  // namespace vitro::cuda
