#pragma once

#include <cstdint>

namespace vitro::cpu {

/// A function of each element, with its parameters. ReLU is a clamp without an upper bound.
struct Activation {
  enum class Kind : uint8_t {
    None,
    Clamp,        ///< min(max(x, alpha), beta)
    Sigmoid,      ///< 1 / (1 + e^-x)
    Silu,         ///< x * sigmoid(x)
    Tanh,         ///< tanh(x)
    HardSigmoid,  ///< clamp(alpha * x + beta, 0, 1)
    HardSwish,    ///< x * clamp(x / 6 + 1/2, 0, 1)
    Gelu,         ///< by the error function
    GeluTanh,     ///< its approximation by tanh
    Erf,          ///< the error function
    Sin,          ///< of radians
    Cos,
    Exp,  ///< e^x
    Sqrt,
    Rsqrt,       ///< 1 / sqrt(x)
    Reciprocal,  ///< 1 / x
    Neg,
    Abs,
    Floor,
    Ceil,
    Round,      ///< halves to the even one
    LeakyRelu,  ///< x where x >= 0, else alpha * x
    Elu,        ///< x where x > 0, else alpha * (e^(beta * x) - 1)
    Mish        ///< x * tanh(log(1 + e^x))
  };
  Kind kind = Kind::None;
  float alpha = 0, beta = 0;

  /// Whether it is worth a pass of its own over what a product has left in registers.
  bool is_costly() const { return kind != Kind::None && kind != Kind::Clamp; }
};

/// dst = activation(x + residual) on `rows` rows of `columns` floats. dst may be x or residual.
struct ActivationRows {
  const float* x = nullptr;
  int64_t ldx = 0;
  const float* residual = nullptr;  ///< or null
  int64_t ldr = 0;
  float* dst = nullptr;
  int64_t ldd = 0;
  int64_t rows = 1;
  int64_t columns = 0;
};
using Activate = void (*)(const Activation& activation, const ActivationRows& rows);

}  // namespace vitro::cpu
