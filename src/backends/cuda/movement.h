#pragma once

#include "backends/cuda/operands.h"

namespace vitro::cuda {

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(const OpContext& op);
  void run(const KernelArgs& args) const override;

  const std::vector<int64_t>& perm() const { return perm_; }

 private:
  Operand x_;
  int bytes_;
  Dims dims_;
  std::vector<int64_t> perm_;
};

}  // namespace vitro::cuda
