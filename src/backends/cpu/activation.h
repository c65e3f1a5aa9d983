#pragma once

#include <optional>

#include "backends/cpu/kernels/activation.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// The activation that a `unary` or `clip` op is; nothing when our kernels lack the function, or
/// the bounds of a clip are computed.
std::optional<Activation> activation_of(const OpContext& op);

/// What the kernel of a product does behind its sums, instead of the ops that follow it:
/// y = activation(sums + residual).
class Epilogue {
 public:
  /// `own`: the most operands of the kernel's own op; that of a residual is the next.
  explicit Epilogue(size_t own) : own_(own) {}
  /// Kernel::absorb(): an activation, or before one the addition of a tensor as large.
  bool absorb(const OpContext& next, size_t operand);
  const Activation& activation() const { return activation_; }
  /// Null without one.
  const float* residual(const KernelArgs& args) const { return args.in<float>(own_); }
  /// The operand that is the residual, or -1.
  int residual_operand() const { return has_residual_ ? static_cast<int>(own_) : -1; }

 private:
  size_t own_;
  bool has_residual_ = false;
  Activation activation_;
};

}  // namespace vitro::cpu
