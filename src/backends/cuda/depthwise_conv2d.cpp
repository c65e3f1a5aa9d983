#include "backends/cuda/kernels/depthwise_conv2d.h"

#include "backends/cuda/activation.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "backends/cuda/row_sums.h"
#include "backends/cuda/transformer_part.h"

namespace vitro::cuda {
namespace {

class DepthwiseConv2dKernel final : public Kernel, public LeavesRowSums, public TransformerPart {
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
  int row_parts() const override { return depthwise_conv2d_result_parts(args_); }
  void leave_row_sums() override { leaves_row_sums_ = true; }
  size_t tail_bytes() const override {
    return pixels() * static_cast<size_t>(row_parts()) * sizeof(float2);
  }
  bool absorb(const OpContext& next, size_t) override {
    const auto function = activation_of(next);
    if (args_.activation.op != UnaryOp::None || !function ||
        !is_activation_of_products(function->op))
      return false;
    args_.activation = *function;
    return true;
  }
  bool join(TransformerBlock& block) const override {
    const DepthwiseConv2dArgs& a = args_;
    if (a.kh != 3 || a.kw != 3 || a.oh != a.h || a.ow != a.w || a.stride_y != 1 ||
        a.stride_x != 1 || a.pad_top != 1 || a.pad_left != 1 || !a.bias ||
        a.activation.op != UnaryOp::None || block.c != 0)
      return false;
    block.element = a.element;
    block.n = a.n, block.h = a.h, block.w = a.w, block.c = a.c;
    block.weights.pos_weight = a.weight, block.weights.pos_bias = a.bias;
    return true;
  }
  void run(const KernelArgs& args) const override {
    DepthwiseConv2dArgs conv_args = args_;
    if (leaves_row_sums_)
      conv_args.result_sums = row_sums_behind(
          args.outputs[0], pixels() * static_cast<size_t>(args_.c) * element_size(args_.element));
    conv_args.x = args.inputs[0];
    conv_args.y = args.outputs[0];
    depthwise_conv2d(conv_args, launch_of(args));
  }

 private:
  size_t pixels() const {
    return static_cast<size_t>(args_.n) * static_cast<size_t>(args_.oh) *
           static_cast<size_t>(args_.ow);
  }

  DepthwiseConv2dArgs args_;
  bool leaves_row_sums_ = false;
};

}  // namespace

const Impl kDepthwiseConv2dDirect{"cuda:depthwise_conv2d_direct", needs_weights,
                                  make_kernel<DepthwiseConv2dKernel>};

}  // namespace vitro::cuda
