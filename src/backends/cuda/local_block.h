#pragma once

#include "backends/cuda/kernels/mlp.h"

#include "backends/program.h"

// A local mixer and the mlp that alone reads its result become one launch where that is faster.
namespace vitro::cuda {

/// A kernel of an mlp that another one may do the work of.
class ComputesMlp {
 public:
  virtual ~ComputesMlp() = default;
  /// Without x and y.
  virtual MlpArgs mlp_args() const = 0;
};

/// local_mixer + mlp, which works in place: the step at `step` does both.
void merge_local_block(Program& program, size_t step);

}  // namespace vitro::cuda
