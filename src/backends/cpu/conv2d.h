#pragma once

#include <optional>

#include "backends/cpu/kernels/gemm.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// Refuses a convolution that is not over two axes of float32 by a weight that is known.
std::optional<Refusal> can_conv2d(const OpContext& op);

/// Refuses what cpu:conv2d_direct does not take.
std::optional<Refusal> can_conv2d_direct(const OpContext& op);

/// How many times as fast as the direct sum a convolution of floats is expected to be by Winograd's
/// tiles; 0 where they do not take it.
double winograd_gain(const OpContext& op);

/// The geometry of such a convolution, pointers left empty; of several groups, the first one's.
PatchSource conv2d_patches(const OpContext& op);

}  // namespace vitro::cpu
