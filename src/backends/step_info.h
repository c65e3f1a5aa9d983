#pragma once

#include "backends/choose_kernels.h"

namespace vitro {

/// Bytes of a value that is stored in that precision.
size_t stored_bytes(const TensorType& type, Precision precision);

/// What the step of a node does: its flops, the bytes it moves, its sections. Matrices are read in
/// `precision`.
StepInfo step_info(const ChosenKernels& chosen, size_t node, const Kernel& kernel,
                   Precision precision);

}  // namespace vitro
