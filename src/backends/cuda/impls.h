#pragma once

#include <array>

#include "backends/kernel.h"

namespace vitro::cuda {

// The implementations; each is in the file named by its op.
extern const Impl kConv2dWindows, kConvDirect;
extern const Impl kDepthwiseConv2dDirect;
extern const std::array<Impl, 6> kLinearTiles;
extern const Impl kLinearCodes;
extern const Impl kBatchNormAffine;
extern const Impl kLayerNormRows;
extern const Impl kGroupNorm;
extern const Impl kUnary, kUnaryMath, kCastPrecision, kCastTypes;
extern const Impl kQuantizeLinear;
extern const Impl kTopK, kArg;
extern const Impl kScatterND;
extern const Impl kBinary, kWhere;
extern const Impl kMatMulGeneric;
extern const Impl kPoolWindows;
extern const Impl kSoftmaxLines;
extern const Impl kCumSum;
extern const Impl kTransposeCopy, kSliceCopy, kExpandCopy, kTileCopy, kConcatCopy, kSplitCopy,
    kConstantOfShapeFill;
extern const Impl kGatherCopy, kGatherTable, kGatherElements;
extern const Impl kPadCopy, kPadBorder;
extern const Impl kResizeAxes;
extern const Impl kReduce;
extern const std::array<Impl, 4> kAttentionVariants;
extern const Impl kAttentionBlockCodes, kAttentionBlockLaunches;
extern const Impl kMlpFused, kMlpCodes, kMlpProducts;
extern const Impl kLocalMixerFused, kLocalMixerLaunches;

}  // namespace vitro::cuda
