#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"

namespace vitro {

/// Where a model takes its weights from: a checkpoint, or a generator of random ones.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// The tensor `name` as row-major float32. `dims` is its shape as PyTorch stores it; `consumer`
  /// is the op that will own it. A source may keep faults (a tensor that is missing or has another
  /// shape) for later and return zeros meanwhile, so that one build finds all of them.
  virtual Constant take(const std::string& name, const Dims& dims, std::string_view consumer) = 0;
};

/// Reproducible pseudo-random weights in a range that keeps activations sane in deep models.
/// tools/random_weights.py generates the same bits.
class RandomWeights : public WeightSource {
 public:
  explicit RandomWeights(uint64_t seed = 0) : seed_(seed) {}
  Constant take(const std::string& name, const Dims& dims, std::string_view consumer) override;

 private:
  uint64_t seed_;
};

/// [out, in, kernel_h, kernel_w] -> [out, kernel_h, kernel_w, in].
Constant conv_weight_to_ohwi(const Constant& weight);
/// [channels, 1, kernel_h, kernel_w] -> [kernel_h, kernel_w, channels].
Constant depthwise_weight_to_hwc(const Constant& weight);
/// The same bytes with other extents; throws Internal when the element count differs.
Constant reshaped(Constant constant, Dims dims);

}  // namespace vitro
