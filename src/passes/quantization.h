#pragma once

#include <map>
#include <string>
#include <vector>

namespace vitro {

/// How the input of a product becomes codes, channel by channel: bytes,
/// q = clamp(round(x * factor + offset), 0, 255), or the nearest Float8E4M3 of x * factor. Factors
/// are finite and positive.
struct InputQuantization {
  std::vector<float> factor;  ///< [channels of the input]
  std::vector<float> offset;  ///< [channels of the input]; empty: 8-bit floats, which have none
  /// What the input is in the mean, for the bias to make up for the rounding of the weight; empty:
  /// not known.
  std::vector<float> mean = {};
  /// [outputs of the product] What its results are too large by in the mean, for the bias to make
  /// up for; empty: not known.
  std::vector<float> error = {};

  bool operator==(const InputQuantization&) const = default;
};

/// By the name of the product: Node::source.
using Quantization = std::map<std::string, InputQuantization>;

}  // namespace vitro
