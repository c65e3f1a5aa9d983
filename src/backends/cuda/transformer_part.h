#pragma once

#include <memory>

#include "backends/cuda/device_weights.h"
#include "backends/cuda/kernels/transformer_blocks.h"

namespace vitro::cuda {

/// A block of a transformer as the steps that make it describe it, one after the other.
struct TransformerBlock {
  TransformerBlockWeights weights;
  Element element = Element::Float32;
  int n = 0, h = 0, w = 0, c = 0;
  float scale = 0, eps1 = 0, eps2 = 0;
  std::shared_ptr<DeviceWeights> kept;  // has the weights, and those that are packed
};

/// A kernel of a step that may be part of a transformer block (TransformerBlocksArgs).
class TransformerPart {
 public:
  virtual ~TransformerPart() = default;
  /// Adds what it does to a block that the parts before it have described; false when it does
  /// something else.
  virtual bool join(TransformerBlock& block) const = 0;
};

}  // namespace vitro::cuda
