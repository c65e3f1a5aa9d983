#pragma once

#include <functional>

#include "backends/kernel.h"

namespace vitro {

/// Refuses a product in 8 bits but one of 8-bit floats whose operands, x aside, are constants, and
/// whose offsets are 0.
std::optional<Refusal> needs_float8(const OpContext& op);

/// How the input of such a product is rounded, channel by channel:
/// nearest_float8_e4m3(x * factor) * step. Steps are powers of two near 1 / factor, which
/// round nothing and give back the size of x: float16 holds it, and the weight as well.
struct Float8Rounding {
  std::vector<float> factor, step;  ///< [channels of x]
};
/// Takes the operands that say so.
Float8Rounding float8_rounding(const OpContext& op);

/// quantized_linear or quantized_conv of 8-bit floats, where nothing multiplies those: its input is
/// rounded into scratch, and the values that its weight stands for are multiplied by that as
/// floats.
class RoundedProduct final : public Kernel {
 public:
  /// Writes operand 0, rounded, as products of floats read it.
  using Round = std::function<void(const KernelArgs& args, std::byte* rounded)>;

  /// The product is made by the first of `impls` that does not refuse it, in `precision`;
  /// `rounded_bytes` are those of the input that it reads.
  RoundedProduct(const OpContext& op, std::span<const Impl> impls, Precision precision,
                 size_t rounded_bytes, Round round);
  size_t scratch_bytes() const override { return rounded_bytes_ + product_->scratch_bytes(); }
  int in_place_operand() const override;
  bool absorb(const OpContext& next, size_t operand) override {
    return product_->absorb(next, operand);
  }
  std::vector<TunableOp> tunables() const override { return product_->tunables(); }
  std::string choices() const override { return product_->choices(); }
  void run(const KernelArgs& args) const override;

 private:
  Constant weight_, bias_;
  Round round_;
  size_t rounded_bytes_;
  const std::byte *weight_data_ = nullptr, *bias_data_ = nullptr;  ///< null: the product took it
  std::unique_ptr<Kernel> product_;
};

}  // namespace vitro
