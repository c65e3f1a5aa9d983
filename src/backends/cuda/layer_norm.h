#pragma once

#include "backends/cuda/kernels/layer_norm.h"

#include "backends/cuda/operands.h"

namespace vitro::cuda {

class LayerNormKernel final : public Kernel {
 public:
  explicit LayerNormKernel(const OpContext& op);
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override;

  const float* weight() const { return args_.weight; }  ///< null: none
  const float* bias() const { return args_.bias; }      ///< null: none
  float eps() const { return args_.eps; }
  int width() const { return args_.c; }  ///< elements that are normalised together

 private:
  LayerNormArgs args_;
};

}  // namespace vitro::cuda
