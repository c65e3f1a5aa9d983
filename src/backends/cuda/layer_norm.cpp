#include "backends/cuda/layer_norm.h"

#include "backends/cuda/impls.h"

namespace vitro::cuda {
LayerNormKernel::LayerNormKernel(const OpContext& op) {
  args_.element = element_of(op);
  args_.weight = take_floats(op, 1);
  args_.bias = take_floats(op, 2);
  const auto& attrs = op.node.as<NormAttrs>();
  const vitro::Dims& dims = op.input(0).dims;
  args_.c = static_cast<int>(num_elements(vitro::Dims(dims.end() - attrs.axes, dims.end())));
  args_.rows = num_elements(dims) / args_.c;
  args_.eps = attrs.eps;
}

void LayerNormKernel::run(const KernelArgs& args) const {
  LayerNormArgs norm_args = args_;
  norm_args.x = args.inputs[0];
  norm_args.y = args.outputs[0];
  layer_norm(norm_args, launch_of(args));
}

const Impl kLayerNormRows{"cuda:layer_norm_rows", needs_weights, make_kernel<LayerNormKernel>};

}  // namespace vitro::cuda
