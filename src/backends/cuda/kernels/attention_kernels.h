#pragma once

#include "backends/cuda/kernels/attention.h"

namespace vitro::cuda {

// What attention() calls where the tensor cores do not do it. The caller has asked for refusals.

void attention_scalar(const AttentionArgs& args, const Launch& launch);

/// SplitKeys or Rows of float32 in FFMA, head_dim at most 64.
void attention_ffma(const AttentionArgs& args, AttentionVariant variant, const Launch& launch);
/// Shared memory of a CTA of SplitKeys there.
size_t ffma_split_bytes(const AttentionArgs& args);

}  // namespace vitro::cuda
