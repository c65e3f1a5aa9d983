#include "backends/cuda/kernels/softmax.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> over_last_axis(const OpContext& op) {
  const int64_t axis = op.node.as<SoftmaxAttrs>().axis;
  const auto rank = static_cast<int64_t>(op.input(0).dims.size());
  if (axis != -1 && axis != rank - 1) return Refusal{fmt::format("it is over axis {}", axis)};
  return needs_weights(op);
}

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

const Impl kSoftmaxRows{"cuda:softmax_rows", over_last_axis, make_kernel<SoftmaxKernel>};

}  // namespace vitro::cuda
