#pragma once

#include "backends/cuda/kernels/conv.h"

namespace vitro::cuda {

/// Whether conv_groups() takes it, and is likely to be faster: groups of images in 16 bits, of
/// channels that 8 divides, aligned to 16 bytes, whose windows fit shared memory; and a block for
/// each multiprocessor.
bool takes_groups(const ConvArgs& args);

/// conv() on tensor cores: a block makes 8x8 pixels of some groups, whose channels of up to 64 are
/// brought to shared memory with their border; a warp 32 pixels of up to 32 channels of one group.
void conv_groups(const ConvArgs& args, const Launch& launch);

}  // namespace vitro::cuda
