#pragma once

#include "backends/cuda/kernels/convert.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {

/// quantize_linear and dequantize_linear of bytes.
class CodesKernel final : public Kernel {
 public:
  explicit CodesKernel(const OpContext& op);
  void run(const KernelArgs& args) const override;

  /// Whether the numbers are those of the codes, which are uint8.
  bool is_plain() const { return is_plain_; }

 private:
  Operand x_;
  QuantizeArgs args_;
  bool is_plain_;
};

}  // namespace vitro::cuda
