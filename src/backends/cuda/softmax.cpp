#include "backends/cuda/kernels/softmax.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const OpContext& op)
      : element_(element_of(op)), rows_(num_rows(op.input(0))), c_(width(op.input(0))) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    softmax({element_, args.inputs[0], args.outputs[0], rows_, c_}, launch_of(args));
  }

 private:
  Element element_;
  int rows_, c_;
};

}  // namespace

const Impl kSoftmaxRows{"cuda:softmax_rows", needs_weights, make_kernel<SoftmaxKernel>};

}  // namespace vitro::cuda
