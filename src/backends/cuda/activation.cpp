#include "backends/cuda/activation.h"

#include <limits>

#include "backends/absorb.h"

namespace vitro::cuda {
namespace {

std::optional<UnaryOp> unary_op(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::Relu:
      return UnaryOp::Relu;
    case UnaryFunction::Gelu:
      return UnaryOp::Gelu;
    case UnaryFunction::GeluTanh:
      return UnaryOp::GeluTanh;
    case UnaryFunction::Sigmoid:
      return UnaryOp::Sigmoid;
    case UnaryFunction::Tanh:
      return UnaryOp::Tanh;
    case UnaryFunction::HardSigmoid:
      return UnaryOp::HardSigmoid;
    case UnaryFunction::HardSwish:
      return UnaryOp::HardSwish;
    case UnaryFunction::Silu:
      return UnaryOp::Silu;
    default:
      return std::nullopt;
  }
}

/// Nothing for a bound that is computed.
std::optional<float> bound(const OpContext& op, size_t i, float absent) {
  if (!op.has_input(i)) return absent;
  const Constant* constant = op.constant(i);
  return constant ? std::optional(constant->floats()[0]) : std::nullopt;
}

}  // namespace

std::optional<Activation> activation_of(const OpContext& op) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (op.node.kind == OpKind::Clip) {
    const auto low = bound(op, 1, -kInfinity), high = bound(op, 2, kInfinity);
    if (!low || !high) return std::nullopt;
    return Activation{UnaryOp::Clip, *low, *high};
  }
  if (op.node.kind != OpKind::Unary) return std::nullopt;
  const auto& attrs = op.node.as<UnaryAttrs>();
  const auto function = unary_op(attrs.function);
  if (!function) return std::nullopt;
  return Activation{*function, attrs.alpha, attrs.beta};
}

bool absorb_end(Activation& activation, bool& residual, const OpContext& next, size_t operand) {
  if (activation.op != UnaryOp::None) return false;
  if (const auto function = activation_of(next)) {
    if (!is_activation_of_products(function->op)) return false;
    activation = *function;
    return true;
  }
  if (residual || !is_residual_sum(next, operand)) return false;
  return residual = true;
}

}  // namespace vitro::cuda
