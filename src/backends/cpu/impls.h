#pragma once

#include <array>

#include "backends/cpu/kernel_choice.h"
#include "backends/kernel.h"

namespace vitro::cpu {

template <typename K>
std::unique_ptr<Kernel> make_kernel(const OpContext& op) {
  return std::make_unique<K>(op);
}

/// A row for a variant of K, which tuning may choose where `can_run` accepts the op.
template <typename K, auto can_run, Variant variant>
constexpr Impl variant_of(const char* id) {
  return {id,
          [](const OpContext& op) {
            auto refusal = needs_amx(op.threads, variant);
            return refusal ? refusal : can_run(op);
          },
          [](const OpContext& op) -> std::unique_ptr<Kernel> {
            return std::make_unique<K>(op, variant);
          },
          ImplUse::WhenTuned};
}

// The implementations; each is in the file named by its op.
extern const Impl kLinearPanel16, kQuantizedLinearPanel16x4;
extern const std::array<Impl, 1> kLinearVariants, kQuantizedLinearVariants;
extern const Impl kConv2dWinograd, kConv2dWinograd2x2, kConv2dWinograd4x4;
extern const Impl kConv2dMultiplier, kConv2dDirect, kConv2dPanel16, kConv2dGroups,
    kQuantizedConvPanel16x4;
extern const std::array<Impl, 1> kConv2dVariants, kQuantizedConvVariants;
extern const Impl kDepthwiseConv2dDirect;
extern const Impl kMlpBanded, kMlpPhased;
extern const std::array<Impl, 6> kMlpVariants;
extern const Impl kAttentionHeads;
extern const Impl kAttentionBlockPhased;
extern const std::array<Impl, 3> kAttentionBlockVariants;
extern const Impl kLocalMixerPhased;
extern const std::array<Impl, 3> kLocalMixerVariants;
extern const Impl kUnaryRange, kClipRange, kBinaryRange;
extern const Impl kLayerNormRows, kSoftmaxRows, kSoftmaxColumns;
extern const Impl kReduceRows, kReduceTokens, kReduceSteps, kCumSumTokens;
extern const Impl kQuantizeLinearBytes, kDequantizeLinearBytes;
extern const Impl kBatchNormRows, kGroupNormMaps;
extern const Impl kPoolWindows, kResizeAxes;
extern const Impl kMatMulBatched;
extern const Impl kTransposeCopy, kSliceCopy, kExpandCopy, kConcatCopy, kSplitCopy, kPadCopy;
extern const Impl kGatherRuns, kGatherElementsRows, kScatterNDRows, kConstantOfShapeFill;
extern const Impl kTopKSort;

}  // namespace vitro::cpu
