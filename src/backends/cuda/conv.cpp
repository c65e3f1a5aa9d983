#include "backends/cuda/kernels/conv.h"

#include "backends/cuda/activation.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

ConvAxis axis_of(const OpContext& op, size_t axis, const WindowAxis& window) {
  return {extent(op.input(0), axis),         extent(op.output(), axis),
          static_cast<int>(window.kernel),   static_cast<int>(window.stride),
          static_cast<int>(window.dilation), static_cast<int>(window.pad_begin)};
}

/// Groups, or other than two axes.
class ConvKernel final : public Kernel {
 public:
  explicit ConvKernel(const OpContext& op) {
    const auto windows = conv_windows(op.node, op.input(1).dims);
    args_.element = element_of(op);
    args_.weight = take_elements(op, 1);
    args_.bias = take_floats(op, 2);
    args_.n = extent(op.input(0), 0), args_.c = width(op.input(0)), args_.o = width(op.output());
    args_.num_sms = device_of(op).num_sms;
    args_.groups = static_cast<int>(op.node.as<ConvAttrs>().groups);
    ConvAxis* axes[] = {&args_.depth, &args_.height, &args_.width};
    for (size_t i = 0, first = 3 - windows.size(); i < windows.size(); ++i)
      *axes[first + i] = axis_of(op, i + 1, windows[i]);
  }
  int in_place_operand() const override { return residual_ ? int{kResidual} : -1; }
  bool absorb(const OpContext& next, size_t operand) override {
    return absorb_end(args_.activation, residual_, next, operand);
  }
  void run(const KernelArgs& args) const override {
    ConvArgs conv_args = args_;
    conv_args.x = args.inputs[0];
    if (residual_) conv_args.residual = args.inputs[kResidual];
    conv_args.y = args.outputs[0];
    conv(conv_args, launch_of(args));
  }

 private:
  static constexpr size_t kResidual = 3;  // behind x, weight and bias
  ConvArgs args_;
  bool residual_ = false;
};

}  // namespace

const Impl kConvDirect{"cuda:conv_direct", needs_weights, make_kernel<ConvKernel>};

}  // namespace vitro::cuda
