#include "backends/cuda/kernels/depthwise_conv2d.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class DepthwiseConv2dKernel final : public Kernel {
 public:
  explicit DepthwiseConv2dKernel(const OpContext& op) {
    const auto& attrs = op.node.as<Conv2dAttrs>();
    const TensorType &x = op.input(0), &weight = op.input(1), &y = op.output();
    args_.element = element_of(op);
    args_.weight = take_floats(op, 1);
    args_.bias = take_floats(op, 2);
    args_.n = extent(x, 0), args_.h = extent(x, 1), args_.w = extent(x, 2), args_.c = extent(x, 3);
    args_.oh = extent(y, 1), args_.ow = extent(y, 2);
    args_.kh = extent(weight, 0), args_.kw = extent(weight, 1);
    args_.stride_y = static_cast<int>(attrs.stride[0]);
    args_.stride_x = static_cast<int>(attrs.stride[1]);
    args_.pad_top = static_cast<int>(attrs.pad[0]);
    args_.pad_left = static_cast<int>(attrs.pad[1]);
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

const Impl kDepthwiseConv2dDirect{"cuda:depthwise_conv2d_direct", needs_weights,
                                  make_kernel<DepthwiseConv2dKernel>};

}  // namespace vitro::cuda
