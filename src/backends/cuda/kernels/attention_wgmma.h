#pragma once

#include "backends/cuda/kernels/attention.h"

namespace vitro::cuda {

/// Why AttentionVariant::Wgmma does not take `args`, besides what no tensor-core variant takes, or
/// null. Asks for the current device.
const char* attention_wgmma_refusal(const AttentionArgs& args);
void attention_wgmma(const AttentionArgs& args, const Launch& launch);

}  // namespace vitro::cuda
