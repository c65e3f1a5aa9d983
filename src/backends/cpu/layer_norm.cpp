#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

class LayerNormKernel final : public Kernel {
 public:
  explicit LayerNormKernel(const OpContext& op)
      : rows_(active_kernels().layer_norm),
        args_({.channels = row_size(op), .eps = op.node.as<NormAttrs>().eps}) {
    const int64_t rows = num_elements(op.input(0).dims) / args_.channels;
    bands_ = {rows, 1, std::min(rows, element_bands(op.input(0), op.threads).count)};
  }
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
  /// Elements of the last axes, which are normalised together.
  static int64_t row_size(const OpContext& op) {
    const Dims& dims = op.input(0).dims;
    return num_elements(Dims(dims.end() - op.node.as<NormAttrs>().axes, dims.end()));
  }

  LayerNormRows rows_;
  LayerNormArgs args_;
  Bands bands_;
};

}  // namespace

const Impl kLayerNormRows{"cpu:layer_norm_rows", needs_float32, make_kernel<LayerNormKernel>};

}  // namespace vitro::cpu
