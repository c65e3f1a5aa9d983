#include "backends/cuda/kernels/softmax.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const OpContext& op) : x_(op, 0) {
    const Lines lines(op, op.input(0), op.node.as<SoftmaxAttrs>().axis);
    args_.element = element_of(op);
    args_.rows = lines.outer;
    args_.c = static_cast<int>(lines.extent);
    args_.inner = static_cast<int>(lines.inner);
    args_.log = op.node.kind == OpKind::LogSoftmax;
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    SoftmaxArgs softmax_args = args_;
    softmax_args.x = x_.in(args);
    softmax_args.y = args.outputs[0];
    softmax(softmax_args, launch_of(args));
  }

 private:
  Operand x_;
  SoftmaxArgs args_;
};

}  // namespace

const Impl kSoftmaxLines{"cuda:softmax_lines", needs_floats, make_kernel<SoftmaxKernel>};

}  // namespace vitro::cuda
