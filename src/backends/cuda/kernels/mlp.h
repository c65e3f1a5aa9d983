#pragma once

#include <cstdint>
#include <span>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = x + fc2(gelu(fc1(norm(x)))), hidden values staying on the multiprocessor, rounded to `element`.
struct MlpArgs {
  Element element = Element::Float16;  // Float16 or BFloat16; of x, y and the weights
  const void* x = nullptr;             // [m, c]
  const void* fc1_weight = nullptr;    // [hidden, c]
  const float* fc1_bias = nullptr;     // [hidden]
  const void* fc2_weight = nullptr;    // [c, hidden]
  const float* fc2_bias = nullptr;     // [c]
  void* y = nullptr;                   // [m, c]; may be x
  int m = 0, c = 0, hidden = 0;
  bool layer_norm = false;  // norm(x) = (x - mean) / sqrt(variance + eps) of each row, else x
  float eps = 1e-6f;
};

/// One way to cut the work: a cluster of blocks has `rows` rows at a time and splits the hidden columns.
struct MlpTile {
  const char* name;
  int c, rows;
  int cluster;     // blocks that share rows
  bool resident;   // weights stay in shared memory, else they stream through it for each block of rows
};

std::span<const MlpTile> mlp_tiles();

/// Why `tile` cannot run these arguments, or null.
const char* mlp_refusal(const MlpArgs& args, int tile);

/// The tile expected to be fastest, or -1 where none runs: two linears do the same.
int choose_mlp_tile(const MlpArgs& args, int num_sms, int capability);

/// Throws std::invalid_argument when mlp_refusal does. For one tile the result of a row has the same
/// bits whatever the other rows are.
void mlp(const MlpArgs& args, int tile, const Launch& launch);

}  // namespace vitro::cuda
