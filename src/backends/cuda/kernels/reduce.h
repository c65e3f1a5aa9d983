#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

enum class ReduceOp { Mean, Max };

/// y = the mean or the maximum of x over the axes that vanish, in float32; a maximum is NaN if one
/// element is NaN. y is dense over the axes that stay, in their order.
struct ReduceArgs {
  ReduceOp op = ReduceOp::Mean;
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;             // dense
  void* y = nullptr;
  Dims dims;                     // of x
  bool vanishes[kMaxRank] = {};  // one per axis of x
};

/// Fast where all axes between the first and the last ones vanish, [n, t, c] -> [n, c] with c a
/// multiple of 8; else a warp per result. Throws std::invalid_argument for more than 2^31 - 1
/// elements.
void reduce(const ReduceArgs& args, const Launch& launch);

}  // namespace vitro::cuda
