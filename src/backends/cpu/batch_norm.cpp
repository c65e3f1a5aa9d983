#include <cmath>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

/// Of inference: the statistics are operands. Most are folded into a product by a pass.
class BatchNormKernel final : public Kernel {
 public:
  explicit BatchNormKernel(const OpContext& op)
      : rows_(active_kernels().channel_norm),
        channels_(op.input(0).dims.back()),
        eps_(op.node.as<NormAttrs>().eps),
        bands_(row_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override { return aligned_floats(channels_) * sizeof(float); }
  void run(const KernelArgs& args) const override {
    auto* scale = reinterpret_cast<float*>(args.scratch);
    for (int64_t c = 0; c < channels_; ++c)
      scale[c] = args.in<float>(1)[c] / std::sqrt(args.in<float>(4)[c] + eps_);
    const ChannelNormArgs norm{
        args.in<float>(0), args.out<float>(), channels_, args.in<float>(3), scale,
        args.in<float>(2)};
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      rows_(norm, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  ChannelNormRows rows_;
  int64_t channels_;
  float eps_;
  Bands bands_;
};

}  // namespace

const Impl kBatchNormRows{"cpu:batch_norm_rows", needs_float32, make_kernel<BatchNormKernel>};

}  // namespace vitro::cpu
