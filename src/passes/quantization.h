#pragma once

#include <vector>

namespace vitro {

/// How the input of a product becomes bytes, channel by channel:
/// q = clamp(round(x * factor + offset), 0, 255). Factors are finite and positive. Maps have the
/// names of products as keys: Node::source.
struct InputQuantization {
  std::vector<float> factor;  ///< [channels of the input]
  std::vector<float> offset;  ///< [channels of the input]

  bool operator==(const InputQuantization&) const = default;
};

}  // namespace vitro
