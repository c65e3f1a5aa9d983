#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> over_last_axis(const OpContext& op) {
  if (op.node.as<NormAttrs>().axes != 1) return Refusal{"it is over several axes"};
  return needs_float32(op);
}

class LayerNormKernel final : public Kernel {
 public:
  explicit LayerNormKernel(const OpContext& op)
      : rows_(active_kernels().layer_norm),
        bands_(row_bands(op.input(0), op.threads)),
        args_({.channels = op.input(0).dims.back(), .eps = op.node.as<NormAttrs>().eps}) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    LayerNormArgs local = args_;
    local.x = args.in<float>(0);
    local.dst = args.out<float>();
    local.gamma = args.in<float>(1);
    local.beta = args.in<float>(2);
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      rows_(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  LayerNormRows rows_;
  Bands bands_;
  LayerNormArgs args_;
};

}  // namespace

const Impl kLayerNormRows{"cpu:layer_norm_rows", over_last_axis, make_kernel<LayerNormKernel>};

}  // namespace vitro::cpu
