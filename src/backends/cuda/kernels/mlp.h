#pragma once

#include <cstdint>
#include <span>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y = x + fc2(gelu(fc1(norm(x)))), hidden values staying on the multiprocessor, rounded to
/// `element`.
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

/// One way to cut the work: a block has `rows` rows of width `c` at a time.
struct MlpTile {
  const char* name;
  int c, rows;
  bool resident;  // weights stay in shared memory, else they stream through it for each group of
                  // rows
  bool wgmma;     // asks for sm_90a
};

std::span<const MlpTile> mlp_tiles();

/// Why `tile` cannot run these arguments on a GPU of compute capability `capability` (90 for 9.0),
/// or null.
const char* mlp_refusal(const MlpArgs& args, int tile, int capability);

/// The tile expected to be fastest, or -1 where two linears are, or no tile runs.
int choose_mlp_tile(const MlpArgs& args, int num_sms, int capability);

/// Throws std::invalid_argument when mlp_refusal does. For one tile the result of a row has the
/// same bits whatever the other rows are.
void mlp(const MlpArgs& args, int tile, const Launch& launch);

}  // namespace vitro::cuda
