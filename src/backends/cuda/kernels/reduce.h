#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// As docs/operators.md defines them.
enum class ReduceOp { Mean, Max, Min, Sum, Prod, L1, L2, SumSquare, LogSum, LogSumExp };

/// y = x reduced over the axes that vanish, in float32; a maximum or minimum is NaN if one element
/// is NaN. y is dense over the axes that stay, in their order.
struct ReduceArgs {
  ReduceOp op = ReduceOp::Mean;
  Element element = Element::Float16;  // of x and y
  const void* x = nullptr;             // dense
  void* y = nullptr;
  Dims dims;                     // of x
  bool vanishes[kMaxRank] = {};  // one per axis of x
};

/// Fast where all axes between the first and the last ones vanish, [n, t, c] -> [n, c] with c a
/// multiple of 8, for all but LogSumExp; else a warp per result. Throws std::invalid_argument for
/// more than 2^31 - 1 elements.
void reduce(const ReduceArgs& args, const Launch& launch);

}  // namespace vitro::cuda
