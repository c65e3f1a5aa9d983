#pragma once

#include "backends/program.h"

namespace vitro::cuda {

/// Runs of positional convolution, attention and MLP from `step` on become one launch where it
/// takes them: few tokens of one image.
void merge_transformer_blocks(Program& program, size_t step);

}  // namespace vitro::cuda
