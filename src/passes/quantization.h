#pragma once

#include <map>
#include <string>
#include <vector>

namespace vitro {

/// How the input of a product becomes bytes, channel by channel:
/// q = clamp(round(x * factor + offset), 0, 255). Factors are finite and positive.
struct InputQuantization {
  std::vector<float> factor;  ///< [channels of the input]
  std::vector<float> offset;  ///< [channels of the input]
  /// What the input is in the mean, for the bias to make up for the rounding of the weight; empty:
  /// not known.
  std::vector<float> mean = {};

  bool operator==(const InputQuantization&) const = default;
};

/// By the name of the product: Node::source.
using Quantization = std::map<std::string, InputQuantization>;

}  // namespace vitro
