#include "backends/cuda/kernels/cum_sum.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class CumSumKernel final : public Kernel {
 public:
  explicit CumSumKernel(const OpContext& op) : x_(op, 0) {
    const auto& attrs = op.node.as<CumSumAttrs>();
    const Lines lines(op, op.input(0), attrs.axis);
    args_.exclusive = attrs.exclusive;
    args_.reverse = attrs.reverse;
    args_.element = element_of(op);
    args_.outer = lines.outer, args_.inner = lines.inner;
    args_.extent = static_cast<int>(lines.extent);
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    CumSumArgs sum_args = args_;
    sum_args.x = x_.in(args);
    sum_args.y = args.outputs[0];
    cum_sum(sum_args, launch_of(args));
  }

 private:
  Operand x_;
  CumSumArgs args_;
};

}  // namespace

const Impl kCumSum{"cuda:cum_sum", needs_floats, make_kernel<CumSumKernel>};

}  // namespace vitro::cuda
