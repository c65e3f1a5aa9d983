#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// A product in 8 bits of an optimised graph. The spans are of the graph's constants.
struct QuantizedProduct {
  std::string name;                       ///< of the product before blocks were fused
  std::span<const float> weight_scale;    ///< [outputs]
  std::span<const float> factor, offset;  ///< [channels of the input]
  DType dtype = DType::Int8;              ///< of the weight

  /// The values that the codes stand for: over all channels the least and the largest.
  std::pair<float, float> range() const;
  /// The values that the codes of every channel stand for; empty (first > second) where channels
  /// have nothing in common.
  std::pair<float, float> common_range() const;
  /// Of a step between two codes; of floats that between integers.
  std::pair<float, float> input_scales() const;
  std::pair<float, float> weight_scales() const;

 private:
  struct Ends {
    std::pair<float, float> lows, highs;  ///< over the channels, the least and the largest
  };
  Ends ends() const;
};

/// Those of a graph, in fused ops too, in execution order. Throws Internal when their operands are
/// no dense constants.
std::vector<QuantizedProduct> quantized_products(const Graph& graph);

/// What the constant is called that has the factors of the input of a product.
std::string input_factor_name(const std::string& product);

}  // namespace vitro
