#pragma once

#include <vector>

#include "vitro/tensor.h"

namespace vitro::test {

/// A copy of the elements, which are float32.
inline std::vector<float> floats(const Tensor& tensor) {
  const auto elements = tensor.as<float>();
  return {elements.begin(), elements.end()};
}

}  // namespace vitro::test
