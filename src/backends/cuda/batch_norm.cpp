#include <fmt/core.h>

#include <cmath>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/depthwise_conv2d.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

std::vector<float> values_of(const OpContext& op, size_t i) {
  const Constant rows = op.cache.rows(op.take(i));
  return {rows.floats().begin(), rows.floats().end()};
}

/// y = scale x + shift: a depthwise convolution of one tap.
class BatchNormKernel final : public Kernel {
 public:
  explicit BatchNormKernel(const OpContext& op) {
    std::vector<float> scale = values_of(op, 1), shift = values_of(op, 2);
    const std::vector<float> mean = values_of(op, 3), variance = values_of(op, 4);
    const float eps = op.node.as<NormAttrs>().eps;
    for (size_t c = 0; c < scale.size(); ++c) {
      scale[c] /= std::sqrt(variance[c] + eps);
      shift[c] -= mean[c] * scale[c];
    }
    args_.element = element_of(op);
    const auto weights = DeviceWeights::of(op.cache, op.device, op.precision);
    const auto from = [&](const char* form) {
      return MadeFrom{fmt::format("batch_norm_{} with {}", form, eps),
                      {*op.constant(1), *op.constant(2), *op.constant(3), *op.constant(4)}};
    };
    args_.weight = weights->derived(from("scale"), [&] { return scale; });
    args_.bias = weights->derived(from("shift"), [&] { return shift; });
    args_.n = args_.w = args_.ow = args_.kh = args_.kw = 1;
    args_.h = args_.oh = num_rows(op.input(0));
    args_.c = width(op.input(0));
  }
  void run(const KernelArgs& args) const override {
    DepthwiseConv2dArgs conv_args = args_;
    conv_args.x = args.inputs[0];
    conv_args.y = args.outputs[0];
    depthwise_conv2d(conv_args, launch_of(args));
  }

 private:
  DepthwiseConv2dArgs args_;
};

}  // namespace

const Impl kBatchNormAffine{"cuda:batch_norm_affine", needs_weights, make_kernel<BatchNormKernel>};

}  // namespace vitro::cuda
