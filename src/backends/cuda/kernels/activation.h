#pragma once

namespace vitro::cuda {

/// Functions of one element, as docs/operators.md defines them; Clip is to [alpha, beta].
enum class UnaryOp {
  None,
  Relu,
  Gelu,
  GeluTanh,
  Sigmoid,
  Tanh,
  HardSigmoid,
  HardSwish,
  Silu,
  Clip
};

/// Whether products take it (LinearArgs::activation); the others are rare.
constexpr bool is_activation_of_products(UnaryOp op) {
  return op == UnaryOp::Relu || op == UnaryOp::Gelu || op == UnaryOp::HardSwish ||
         op == UnaryOp::Silu || op == UnaryOp::Clip;
}

struct Activation {
  UnaryOp op = UnaryOp::None;
  float alpha = 0, beta = 0;  // parameters of HardSigmoid and Clip
};

}  // namespace vitro::cuda
