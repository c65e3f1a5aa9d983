#pragma once

#include "backends/cuda/kernels/conv2d.h"

#include "backends/cuda/activation.h"
#include "backends/cuda/choice.h"
#include "backends/cuda/layer_norm.h"

namespace vitro::cuda {

/// A convolution, which can take over what is before and behind it (merge_steps.h).
class Conv2dKernel final : public Kernel {
 public:
  explicit Conv2dKernel(const OpContext& op);
  std::vector<TunableOp> tunables() const override { return {choice_.op}; }
  std::string choices() const override { return choice_.name; }
  int in_place_operand() const override { return residual_ ? int{kResidual} : -1; }
  bool absorb(const OpContext& next, size_t operand) override;
  void run(const KernelArgs& args) const override;

  /// From here on the input is a batch of float32 images [n, c, h, w], as a caller gives them.
  void read_images();
  /// The same for pixels, uint8 [n, h, w, c].
  void read_pixels();
  /// From here on the results are those of the norm, unless it says no.
  bool normalize(const LayerNormKernel& norm);

 private:
  static constexpr size_t kResidual = 3;  // behind x, weight and bias

  void choose_tile();
  void read(DeviceWeights::ImageOrder order);

  Conv2dArgs args_;
  bool residual_ = false;
  Choice<int> choice_;
  const TacticTable* tactics_;  // while the program is being compiled
  PlanCache& cache_;
  Constant weight_;
  std::shared_ptr<DeviceWeights> weights_;
  const DeviceInfo& device_;
};

}  // namespace vitro::cuda
