#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cuda/kernels/activation.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[m, n] = act(norm(x)[m, k] weight[n, k]^T + bias + residual), sums in float32.
struct LinearArgs {
  Element element = Element::Float16;  // of x, weight, residual and y
  bool tf32 = false;               // float32 operands may be rounded to tf32 for the tensor cores
  const void* x = nullptr;         // [m, k]
  const void* weight = nullptr;    // [n, k]
  const float* bias = nullptr;     // [n] or null
  const void* residual = nullptr;  // [m, n] or null; may be y
  void* y = nullptr;               // [m, n]
  int m = 0, n = 0, k = 0;
  bool layer_norm = false;  // norm(x) = (x - mean) / sqrt(variance + eps) of each row, else x
  float eps = 1e-6f;
  Activation activation;  // act
  /// With layer_norm: the sum and the sum of squares of each of row_parts parts of every row of x,
  /// [m, row_parts], as whatever made x may leave them; row_parts is 0 where it
  /// has not. Sums of products are then
  /// normalised instead of rows, which is faster and asks for weight_sums [n], the sum of each row
  /// of weight as stored (linear_weight_sums). The Wgmma tiles normalise only so.
  const float2* row_sums = nullptr;
  int row_parts = 0;
  const float* weight_sums = nullptr;
  /// Where to leave the same of y, [m, linear_result_parts()], or null. Not on the Scalar tile.
  float2* result_sums = nullptr;
  /// The parts of a float32 weight (linear_weight_parts), [2, n, k]: without them no Tf32x3 tile.
  const float* weight_parts = nullptr;
};

enum class LinearKind {
  Scalar,  // any extents and types, slowly
  Mma,     // mma.sync: 16 bits and tf32, rows of a multiple of 16 bytes; sm_80
  Wgmma,   // wgmma and TMA: 16 bits and tf32; sm_90a
  Tma,     // mma.sync, all of k brought at once by TMA, for few rows: 16 bits; sm_90
  Ffma,    // true float32, rows of a multiple of 16 bytes; sm_80
  Tf32x3,  // the same as wgmma of parts that are tf32; sm_90a
};

/// One way to cut the product: a block of threads makes block_m x block_n results at a time.
struct LinearTile {
  const char* name;
  LinearKind kind;
  int block_m, block_n;
  int stages;  // slabs of 128 bytes of k kept in shared memory; Wgmma and Tma: as many as fit
  /// Wgmma: blocks that share a tile, each with a part of k; 0: blocks stay, for tile after tile.
  int split = 0;
};

/// All of them; a tile is named by its index.
std::span<const LinearTile> linear_tiles();

/// Why `tile` cannot run these arguments on a GPU of compute capability `capability` (90 for 9.0),
/// or null.
const char* linear_refusal(const LinearArgs& args, int tile, int capability);

/// The tiles that run these arguments, the one that a model of the time expects to be fastest on a
/// GPU of `num_sms` multiprocessors first. Depends on extents, types, flags and alignment alone.
std::vector<int> rank_linear_tiles(const LinearArgs& args, int num_sms, int capability);
inline int choose_linear_tile(const LinearArgs& args, int num_sms, int capability) {
  return rank_linear_tiles(args, num_sms, capability).front();
}

/// Parts of each row of results that a tile leaves sums of; 0: it leaves none.
int linear_result_parts(int n, int tile);

/// Throws std::invalid_argument when linear_refusal does. For one tile the result of a row has the
/// same bits whatever the other rows are.
void linear(const LinearArgs& args, int tile, const Launch& launch);

/// sums[i] = the sum of weight[i, :], for LinearArgs::weight_sums.
void linear_weight_sums(Element element, const void* weight, int n, int k, float* sums,
                        const Launch& launch);

/// parts[0, i] + parts[1, i] = weight[i] to 2^-22 of it, both tf32.
void linear_weight_parts(const float* weight, int64_t count, float* parts, const Launch& launch);

}  // namespace vitro::cuda
