#pragma once

#include <cstdint>
#include <string>

namespace vitro {

/// What activations are stored in and products are computed in. Sums, norms and softmax are float32
/// whatever it is, and so are the inputs and outputs of a model.
enum class Precision : uint8_t {
  Default,  ///< the backend's usual one: Float32 on the host, Float16 on a GPU
  Float32,
  TensorFloat32,  ///< stored as float32, multiplied with 11 significant bits
  Float16,
  BFloat16,
};

/// "default", "fp32", "tf32", "fp16", "bf16".
std::string to_string(Precision precision);

}  // namespace vitro
