#include "backends/cuda/kernels/group_norm.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class GroupNormKernel final : public Kernel {
 public:
  explicit GroupNormKernel(const OpContext& op) {
    const auto& attrs = op.node.as<GroupNormAttrs>();
    args_.element = element_of(op);
    args_.weight = take_floats(op, 1);
    args_.bias = take_floats(op, 2);
    args_.n = op.input(0).dims.front();
    args_.c = width(op.input(0));
    args_.pixels = num_elements(op.input(0).dims) / args_.n / args_.c;
    args_.groups = static_cast<int>(attrs.groups);
    args_.eps = attrs.eps;
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override { return group_norm_scratch_bytes(args_); }
  void run(const KernelArgs& args) const override {
    GroupNormArgs norm_args = args_;
    norm_args.x = args.inputs[0];
    norm_args.y = args.outputs[0];
    norm_args.scratch = args.scratch;
    group_norm(norm_args, launch_of(args));
  }

 private:
  GroupNormArgs args_;
};

}  // namespace

const Impl kGroupNorm{"cuda:group_norm", needs_weights, make_kernel<GroupNormKernel>};

}  // namespace vitro::cuda
