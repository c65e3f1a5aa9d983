#include "backends/cpu/depthwise_conv2d.h"
#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {

DepthwiseArgs depthwise_args(const Dims& input, const Dims& weight, const Dims& output,
                             const Conv2dAttrs& attrs) {
  DepthwiseArgs args;
  args.in_h = input[1];
  args.in_w = input[2];
  args.channels = input[3];
  args.kernel_h = weight[0];
  args.kernel_w = weight[1];
  args.stride_h = attrs.stride[0];
  args.stride_w = attrs.stride[1];
  args.pad_top = attrs.pad[0];
  args.pad_left = attrs.pad[1];
  args.out_h = output[1];
  args.out_w = output[2];
  return args;
}

namespace {

class DepthwiseKernel final : public Kernel {
 public:
  explicit DepthwiseKernel(const OpContext& op)
      : table_(active_kernels()),
        images_(op.input(0).dims[0]),
        args_(depthwise_args(op.input(0).dims, op.input(1).dims, op.output().dims,
                             op.node.as<Conv2dAttrs>())),
        bands_(make_bands(args_.out_h, 1, args_.out_h, op.threads)) {}
  bool absorb(const OpContext& next, size_t operand) override {
    const auto activation = operand == 0 ? activation_of(next) : std::nullopt;
    if (!activation || args_.activation.kind != Activation::Kind::None) return false;
    args_.activation = *activation;
    return true;
  }
  void run(const KernelArgs& args) const override {
    const int64_t in_size = args_.in_h * args_.in_w * args_.channels;
    const int64_t out_size = args_.out_h * args_.out_w * args_.channels;
    team_of(args).parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      DepthwiseArgs local = args_;
      local.input = args.in<float>(0) + image * in_size;
      local.weights = args.in<float>(1);
      local.bias = args.in<float>(2);
      local.output = args.out<float>() + image * out_size;
      table_.depthwise(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  const KernelTable& table_;
  int64_t images_;
  DepthwiseArgs args_;
  Bands bands_;
};

}  // namespace

const Impl kDepthwiseConv2dDirect{"cpu:depthwise_conv2d_direct", needs_float32,
                                  make_kernel<DepthwiseKernel>};

}  // namespace vitro::cpu
