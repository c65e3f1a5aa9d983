#pragma once

#include "backends/cuda/kernels/local_mixer.h"

#include "backends/cuda/choice.h"
#include "backends/kernel.h"

namespace vitro::cuda {

/// One launch; tiles of the image go through all four convolutions on their multiprocessor.
class LocalMixerFused final : public Kernel {
 public:
  explicit LocalMixerFused(const OpContext& op);
  std::vector<TunableOp> tunables() const override { return {tile_.op}; }
  std::string choices() const override { return tile_.name; }
  void run(const KernelArgs& args) const override;

  /// Without x and y.
  const LocalMixerArgs& args() const { return args_; }

 private:
  LocalMixerArgs args_;
  Choice<LocalMixerTile> tile_;
};

}  // namespace vitro::cuda
