#include "backends/cuda/kernels/reduce.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

// By function.
constexpr std::array kReduceOps{
    ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min,       ReduceOp::Sum,    ReduceOp::Prod,
    ReduceOp::L1,   ReduceOp::L2,  ReduceOp::SumSquare, ReduceOp::LogSum, ReduceOp::LogSumExp};
static_assert(kReduceOps.size() == static_cast<size_t>(ReduceFunction::LogSumExp) + 1);

/// Nothing may be reduced: its mean is NaN, its maximum -infinity.
std::optional<Refusal> can_run(const OpContext& op) {
  const TensorType& x = op.input(0);
  const bool nothing = x.dtype == DType::Float32 && num_elements(x.dims) == 0 && !op.constant(0);
  return nothing ? std::nullopt : needs_floats(op);
}

class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const OpContext& op) : x_(op, 0) {
    const auto& attrs = op.node.as<ReduceAttrs>();
    args_.op = kReduceOps[static_cast<size_t>(attrs.function)];
    args_.element = element_of(op);
    args_.dims = to_dims(op.input(0).dims);
    for (int axis = 0; axis < args_.dims.rank; ++axis) args_.vanishes[axis] = attrs.axes.empty();
    for (size_t axis : axes_of(op.node, attrs.axes, args_.dims.rank)) args_.vanishes[axis] = true;
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

const Impl kReduce{"cuda:reduce", can_run, make_kernel<ReduceKernel>};

}  // namespace vitro::cuda
