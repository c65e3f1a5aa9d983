#include "backends/cuda/kernels/reduce.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

/// Nothing may be reduced: its mean is NaN, its maximum -infinity.
template <ReduceFunction kFunction>
std::optional<Refusal> can_run(const OpContext& op) {
  if (!is(op.node, kFunction)) return Refusal{"another function"};
  const bool nothing = num_elements(op.input(0).dims) == 0 && !op.constant(0);
  return nothing ? std::nullopt : needs_floats(op);
}

template <ReduceOp kOp>
class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const OpContext& op) : x_(op, 0) {
    args_.op = kOp;
    args_.element = element_of(op);
    args_.dims = to_dims(op.input(0).dims);
    const Ints& axes = op.node.as<ReduceAttrs>().axes;
    const int rank = args_.dims.rank;
    for (int axis = 0; axis < rank; ++axis) args_.vanishes[axis] = axes.empty();
    for (int64_t axis : axes) args_.vanishes[axis < 0 ? axis + rank : axis] = true;
  }
  void run(const KernelArgs& args) const override {
    ReduceArgs reduce_args = args_;
    reduce_args.x = x_.in(args);
    reduce_args.y = args.outputs[0];
    reduce(reduce_args, launch_of(args));
  }

 private:
  Operand x_;
  ReduceArgs args_;
};

}  // namespace

const Impl kReduceMean{"cuda:reduce_mean", can_run<ReduceFunction::Mean>,
                       make_kernel<ReduceKernel<ReduceOp::Mean>>};
const Impl kReduceMax{"cuda:reduce_max", can_run<ReduceFunction::Max>,
                      make_kernel<ReduceKernel<ReduceOp::Max>>};

}  // namespace vitro::cuda
