#include "backends/cuda/kernels/pool.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

PoolAxis axis_of(const OpContext& op, size_t axis, const WindowAxis& window) {
  return {extent(op.input(0), axis),         extent(op.output(), axis),
          static_cast<int>(window.kernel),   static_cast<int>(window.stride),
          static_cast<int>(window.dilation), static_cast<int>(window.pad_begin),
          static_cast<int>(window.pad_end)};
}

class PoolKernel final : public Kernel {
 public:
  explicit PoolKernel(const OpContext& op) {
    const auto& attrs = op.node.as<PoolAttrs>();
    const auto windows = pool_windows(op.node);
    args_.average = attrs.function == PoolFunction::Average;
    args_.count_padding = attrs.count_include_pad;
    args_.element = element_of(op);
    args_.n = extent(op.input(0), 0), args_.c = width(op.input(0));
    PoolAxis* axes[] = {&args_.depth, &args_.height, &args_.width};
    for (size_t i = 0, first = 3 - windows.size(); i < windows.size(); ++i)
      *axes[first + i] = axis_of(op, i + 1, windows[i]);
  }
  void run(const KernelArgs& args) const override {
    PoolArgs pool_args = args_;
    pool_args.x = args.inputs[0];
    pool_args.y = args.outputs[0];
    pool(pool_args, launch_of(args));
  }

 private:
  PoolArgs args_;
};

}  // namespace

const Impl kPoolWindows{"cuda:pool_windows", needs_weights, make_kernel<PoolKernel>};

}  // namespace vitro::cuda
