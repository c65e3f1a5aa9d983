#pragma once

#include "backends/choose_kernels.h"

namespace vitro {

/// What a program stores activations in, and what its products read matrices in.
struct StoredPrecision {
  Precision values, matrices;
};

/// Bytes of a value that is stored in that precision.
size_t stored_bytes(const TensorType& type, Precision precision);

/// What the step of a node does: its flops, the bytes it moves, its sections.
StepInfo step_info(const ChosenKernels& chosen, size_t node, const Kernel& kernel,
                   const StoredPrecision& precision);

}  // namespace vitro
