#pragma once

#include "backends/choose_kernels.h"

namespace vitro {

/// Bytes of a value as programs of that precision store it.
size_t stored_bytes(const TensorType& type, Precision precision);

/// What the step of a node does: its flops, the bytes it moves, its sections.
StepInfo step_info(const ChosenKernels& chosen, size_t node, const Kernel& kernel,
                   Precision precision);

}  // namespace vitro
