#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (op.input(0).dims.size() != 4) return Refusal{"it is not over two axes"};
  return needs_float32(op);
}

PoolAxis axis_of(const OpContext& op, size_t axis, const WindowAxis& window) {
  return {op.input(0).dims[axis], op.output().dims[axis], window.kernel, window.stride,
          window.dilation,        window.pad_begin,       window.pad_end};
}

class PoolKernel final : public Kernel {
 public:
  explicit PoolKernel(const OpContext& op)
      : pool_(active_kernels().pool), images_(op.input(0).dims[0]) {
    const auto& attrs = op.node.as<PoolAttrs>();
    const auto windows = pool_windows(op.node);
    args_.channels = op.input(0).dims[3];
    args_.height = axis_of(op, 1, windows[0]);
    args_.width = axis_of(op, 2, windows[1]);
    args_.average = attrs.function == PoolFunction::Average;
    args_.count_padding = attrs.count_include_pad;
    bands_ = make_bands(args_.height.out, 1, args_.height.out, op.threads);
  }
  void run(const KernelArgs& args) const override {
    const int64_t in = args_.height.in * args_.width.in * args_.channels;
    const int64_t out = args_.height.out * args_.width.out * args_.channels;
    team_of(args).parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      PoolArgs local = args_;
      local.input = args.in<float>(0) + image * in;
      local.output = args.out<float>() + image * out;
      pool_(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  Pool pool_;
  int64_t images_;
  PoolArgs args_;
  Bands bands_;
};

}  // namespace

const Impl kPoolWindows{"cpu:pool_windows", can_run, make_kernel<PoolKernel>};

}  // namespace vitro::cpu
