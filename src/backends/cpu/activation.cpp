#include "backends/cpu/activation.h"

#include <limits>

#include "backends/absorb.h"

namespace vitro::cpu {
namespace {

using Kind = Activation::Kind;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::optional<Activation> clamp_of(const OpContext& op) {
  Activation clamp{Kind::Clamp, -kInfinity, kInfinity};
  for (size_t i : {1, 2}) {
    if (!op.has_input(i)) continue;
    const Constant* bound = op.constant(i);
    if (!bound || bound->type.dtype != DType::Float32) return std::nullopt;
    (i == 1 ? clamp.alpha : clamp.beta) = bound->floats()[0];
  }
  return clamp;
}

}  // namespace

std::optional<Activation> activation_of(const OpContext& op) {
  if (op.node.kind == OpKind::Clip) return clamp_of(op);
  if (op.node.kind != OpKind::Unary) return std::nullopt;
  const auto& attrs = op.node.as<UnaryAttrs>();
  switch (attrs.function) {
    case UnaryFunction::Relu:
      return Activation{Kind::Clamp, 0.0f, kInfinity};
    case UnaryFunction::Sigmoid:
      return Activation{Kind::Sigmoid};
    case UnaryFunction::Silu:
      return Activation{Kind::Silu};
    case UnaryFunction::Tanh:
      return Activation{Kind::Tanh};
    case UnaryFunction::HardSigmoid:
      return Activation{Kind::HardSigmoid, attrs.alpha, attrs.beta};
    case UnaryFunction::HardSwish:
      return Activation{Kind::HardSwish};
    case UnaryFunction::Gelu:
      return Activation{Kind::Gelu};
    case UnaryFunction::GeluTanh:
      return Activation{Kind::GeluTanh};
    case UnaryFunction::Erf:
      return Activation{Kind::Erf};
    case UnaryFunction::Sin:
      return Activation{Kind::Sin};
    case UnaryFunction::Cos:
      return Activation{Kind::Cos};
    case UnaryFunction::Exp:
      return Activation{Kind::Exp};
    case UnaryFunction::Sqrt:
      return Activation{Kind::Sqrt};
    case UnaryFunction::Rsqrt:
      return Activation{Kind::Rsqrt};
    case UnaryFunction::Reciprocal:
      return Activation{Kind::Reciprocal};
    case UnaryFunction::Neg:
      return Activation{Kind::Neg};
    case UnaryFunction::Abs:
      return Activation{Kind::Abs};
    case UnaryFunction::Floor:
      return Activation{Kind::Floor};
    case UnaryFunction::Ceil:
      return Activation{Kind::Ceil};
    case UnaryFunction::Round:
      return Activation{Kind::Round};
    case UnaryFunction::LeakyRelu:
      return Activation{Kind::LeakyRelu, attrs.alpha};
    case UnaryFunction::Elu:
      return Activation{Kind::Elu, attrs.alpha, 1.0f};
    case UnaryFunction::Celu:
      if (attrs.alpha == 0) return std::nullopt;
      return Activation{Kind::Elu, attrs.alpha, 1.0f / attrs.alpha};
    case UnaryFunction::Mish:
      return Activation{Kind::Mish};
    default:
      return std::nullopt;
  }
}

bool Epilogue::absorb(const OpContext& next, size_t operand) {
  if (activation_.kind != Kind::None || next.output().dtype != DType::Float32) return false;
  if (const auto activation = operand == 0 ? activation_of(next) : std::nullopt) {
    activation_ = *activation;
    return true;
  }
  if (has_residual_ || !is_residual_sum(next, operand)) return false;
  return has_residual_ = true;
}

}  // namespace vitro::cpu
