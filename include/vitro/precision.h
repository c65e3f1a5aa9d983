#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vitro {

/// What products are computed in and, on a GPU, activations are stored in. Sums, norms and softmax
/// are float32 whatever it is, and so are the inputs and outputs of a model. Backend "cpu" has
/// Float32 and, on processors with AVX512-BF16 or AMX-BF16, BFloat16.
enum class Precision : uint8_t {
  Default,  ///< the backend's usual one: Float32 on the host, Float16 on a GPU
  Float32,
  TensorFloat32,  ///< stored as float32, multiplied with 11 significant bits
  Float16,
  BFloat16,
};

/// "default", "fp32", "tf32", "fp16", "bf16".
std::string to_string(Precision precision);
/// The precision of that name; nothing for other texts.
std::optional<Precision> parse_precision(std::string_view text);

}  // namespace vitro
