#pragma once

#include <cuda.h>

#include <cstdint>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/linear_codes.h"
#include "backends/cuda/kernels/windows.h"

// What a kernel of linear_wgmma_kernel.cuh works on, and where: arguments, shared memory, tiles.
namespace vitro::cuda {

inline constexpr int kWgmmaRows = 128;    // of a tile
inline constexpr int kWgmmaColumns = 64;  // of 16 bits, of k in a slab
inline constexpr int kTf32Columns = 32;   // the same of float32
inline constexpr int kTeams = 2, kTeamThreads = 256;
inline constexpr int kVectorThreads = 64;  // of the two warps that bring norms and biases
inline constexpr int kMaxStages = 12;
// Registers are handed over by four warps: one brings slabs, one residuals, and one for each team
// its norms and biases.
inline constexpr int kWgmmaThreads = kTeams * kTeamThreads + 128;
inline constexpr int kTeamRegisters = 112, kProducerRegisters = 32;

/// What a product reads and what it makes.
enum class WgmmaForm {
  Floats,         // elements of 16 bits
  Tf32,           // elements of float32, which are multiplied as tf32
  CodesToFloats,  // codes of one byte, then elements of 16 bits
  CodesToCodes    // the same, then codes
};

/// That of products of T.
template <typename T>
constexpr WgmmaForm float_form() {
  return sizeof(T) == 4 ? WgmmaForm::Tf32 : WgmmaForm::Floats;
}

struct WgmmaArgs {
  CUtensorMap x, weight, residual, y;
  /// [n] each, or null for zeros. Floats: bias, sums of the weights' rows with row_sums. Codes:
  /// bias, scale, then factor and, of integers, offset of codes that are made.
  const float* vectors[4];
  const float2* row_sums;
  float2* result_sums;
  int m, n;
  float scale_k;  // 1 / k
  int row_parts;
  int slabs;         // of k
  Windows windows;   // of x
  bool has_windows;  // else x is a matrix
  int columns;       // tiles beside each other
  int result_parts;  // of a row of result_sums
  int tiles;
  int stages;     // of the ring
  bool resident;  // a block's tiles are all of one column, whose weights stay in shared memory
  float eps;
  Activation activation;
  bool has_residual;
  bool next_early;
};

/// What lies where in shared memory, from a multiple of 1024 bytes on.
template <int kBlockN, WgmmaForm kForm = WgmmaForm::Floats, CodeKind kKind = CodeKind::Integer>
struct WgmmaLayout {
  static constexpr int block_n = kBlockN, team_columns = kBlockN;
  static constexpr CodeKind code_kind = kKind;
  static constexpr bool tf32 = kForm == WgmmaForm::Tf32;
  static constexpr bool codes_out = kForm == WgmmaForm::CodesToCodes,
                        codes_in = codes_out || kForm == WgmmaForm::CodesToFloats;
  static constexpr int slab_columns = codes_in ? 2 * kWgmmaColumns
                                      : tf32   ? kTf32Columns
                                               : kWgmmaColumns;
  static constexpr int box_columns = codes_out ? 128 : tf32 ? 32 : 64;
  static constexpr int box_bytes = kWgmmaRows * 128;  // of so many columns of x or of results
  static constexpr int weight_bytes = kBlockN * 128;
  static constexpr int boxes = kBlockN / box_columns,
                       result_bytes = boxes * box_bytes;  // of a tile
  static constexpr int column_vectors = !codes_out ? 2 : kKind == CodeKind::Float8 ? 3 : 4;
  static constexpr int norms_at = column_vectors * kBlockN * 4;
  static constexpr int vectors_bytes = norms_at + kWgmmaRows * 8;  // of a tile
  static constexpr int barrier_bytes = (2 * kMaxStages + 7 * kTeams) * 8;
  static constexpr int fixed_bytes =
      kTeams * (result_bytes + 2 * vectors_bytes) + barrier_bytes + 1024;
  uint32_t results, ring, vectors;
  uint32_t slot_bytes;            // of the ring: a slab of x, and of the weights unless they stay
  uint32_t weights, weight_step;  // of place or slab 0, and from one to the next
  uint32_t full, empty;           // places of the ring
  uint32_t turns, residuals, results_read;  // by team
  uint32_t vectors_full, vectors_empty;     // by place of vectors()

  __device__ __forceinline__ WgmmaLayout(uint32_t base, const WgmmaArgs& p) {
    results = base;
    ring = results + kTeams * result_bytes;
    slot_bytes = p.resident ? box_bytes : box_bytes + weight_bytes;
    const uint32_t ring_end = ring + p.stages * slot_bytes;
    weights = p.resident ? ring_end : ring + box_bytes;
    weight_step = p.resident ? weight_bytes : slot_bytes;
    vectors = p.resident ? ring_end + p.slabs * weight_bytes : ring_end;
    full = vectors + kTeams * 2 * vectors_bytes;
    empty = full + kMaxStages * 8;
    turns = empty + kMaxStages * 8;
    residuals = turns + kTeams * 8;
    results_read = residuals + kTeams * 8;
    vectors_full = results_read + kTeams * 8;
    vectors_empty = vectors_full + kTeams * 2 * 8;
  }
};

/// A team's turn-th tile has these vectors: those of columns, then the norms of rows.
struct VectorsPlace {
  int index, parity;
  __device__ __forceinline__ VectorsPlace(int team, int turn)
      : index(team * 2 + turn % 2), parity(turn / 2 & 1) {}
};

/// The tiles of a block, counted column by column, then the rows below: blocks that read the same
/// rows do so at the same time, while the L2 cache has them. Where weights stay, the grid is a
/// multiple of the columns.
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
