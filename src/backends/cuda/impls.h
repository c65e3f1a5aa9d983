#pragma once

#include <array>

#include "backends/kernel.h"

namespace vitro::cuda {

// The implementations; each is in the file named by its op.
extern const Impl kConv2dWindows;
extern const Impl kDepthwiseConv2dDirect;
extern const std::array<Impl, 6> kLinearTiles;
extern const Impl kLinearCodes;
extern const Impl kBatchNormAffine;
extern const Impl kLayerNormRows;
extern const Impl kCastPrecision, kUnary, kAdd, kMul;
extern const Impl kMatMulGeneric;
extern const Impl kPoolWindows;
extern const Impl kSoftmaxRows;
extern const Impl kTransposeCopy, kSliceCopy, kExpandCopy, kConcatCopy, kSplitCopy, kGatherCopy,
    kPadCopy;
extern const Impl kReduceMean, kReduceMax;
extern const std::array<Impl, 4> kAttentionVariants;
extern const Impl kAttentionBlockCodes, kAttentionBlockLaunches;
extern const Impl kMlpFused, kMlpCodes, kMlpProducts;
extern const Impl kLocalMixerFused, kLocalMixerLaunches;

}  // namespace vitro::cuda
