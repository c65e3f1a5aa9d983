#include "measure/synthetic_input.h"

#include <random>

namespace vitro {

Tensor synthetic_input(const Dims& dims) {
  Tensor tensor(dims);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& value : tensor.as<float>()) value = normal(random);
  return tensor;
}

}  // namespace vitro
