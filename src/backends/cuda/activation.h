#pragma once

#include <optional>

#include "backends/cuda/kernels/activation.h"
#include "backends/kernel.h"

namespace vitro::cuda {

/// What a unary or clip does to each element; nothing for another op or function. Bounds of a clip
/// are constants.
std::optional<Activation> activation_of(const OpContext& op);

/// Kernel::absorb() of a product, which ends with act(sum + residual): takes an activation of
/// products, or the sum with a computed operand while there is no activation yet.
bool absorb_end(Activation& activation, bool& residual, const OpContext& next, size_t operand);

}  // namespace vitro::cuda
