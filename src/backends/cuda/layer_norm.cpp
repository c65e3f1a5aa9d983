#include "backends/cuda/layer_norm.h"

#include "backends/cuda/impls.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> over_last_axis(const OpContext& op) {
  if (op.node.as<NormAttrs>().axes != 1) return Refusal{"it is over several axes"};
  return needs_weights(op);
}

}  // namespace

LayerNormKernel::LayerNormKernel(const OpContext& op) {
  args_.element = element_of(op);
  args_.weight = take_floats(op, 1);
  args_.bias = take_floats(op, 2);
  args_.rows = num_rows(op.input(0));
  args_.c = width(op.input(0));
  args_.eps = op.node.as<NormAttrs>().eps;
}

void LayerNormKernel::run(const KernelArgs& args) const {
  LayerNormArgs norm_args = args_;
  norm_args.x = args.inputs[0];
  norm_args.y = args.outputs[0];
  layer_norm(norm_args, launch_of(args));
}

const Impl kLayerNormRows{"cuda:layer_norm_rows", over_last_axis, make_kernel<LayerNormKernel>};

}  // namespace vitro::cuda
