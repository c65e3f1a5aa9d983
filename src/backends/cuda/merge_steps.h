#pragma once

#include "backends/program.h"

namespace vitro::cuda {

/// Whether both are the same place of the arena.
bool same_place(const Place& a, const Place& b);

/// Whether the result of `step` is read by the step behind it and by nobody else.
bool only_next_reads(const Program& program, size_t step);

/// The dispatch of a step: those that chose an implementation are in the order of the steps.
Dispatch& dispatch_of(Program& program, size_t step);

/// Removes a step whose work another one has taken over, and what the arena held for it alone.
void erase_step(Program& program, size_t step);

/// Lets convolutions do what is around them, the transpose of the images before the first one and a
/// layer norm of the result, makes blocks of one launch (local_block.h, transformer_blocks.h), and
/// lets norms read what the steps before them know (row_sums.h). Returns by step whether it reads
/// the caller's images as they are, float32 [n, c, h, w].
std::vector<bool> merge_steps(Program& program);

}  // namespace vitro::cuda
