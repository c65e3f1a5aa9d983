#pragma once

#include "backends/cuda/kernels/conv2d.h"

#include "backends/cuda/choice.h"
#include "backends/cuda/layer_norm.h"

namespace vitro::cuda {

/// A convolution, which can take over what is before and behind it (merge_steps.h).
class Conv2dKernel final : public Kernel {
 public:
  explicit Conv2dKernel(const OpContext& op);
  std::vector<TunableOp> tunables() const override { return {choice_.op}; }
  void run(const KernelArgs& args) const override;

  /// From here on the input is a batch of float32 images [n, c, h, w], as a caller gives them.
  void read_images();
  /// From here on the results are those of the norm.
  void normalize(const LayerNormKernel& norm);

 private:
  void choose_tile();

  Conv2dArgs args_;
  Choice<int> choice_;
  const TacticTable* tactics_;  // while the program is being compiled
  PlanCache& cache_;
  Constant weight_;
  std::shared_ptr<DeviceWeights> weights_;
  const DeviceInfo& device_;
};

}  // namespace vitro::cuda
