#include "backends/cuda/kernels/elementwise.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

class GeluKernel final : public Kernel {
 public:
  explicit GeluKernel(const OpContext& op)
      : element_(element_of(op)), count_(num_elements(op.output().dims)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    unary({UnaryOp::Gelu, element_, args.inputs[0], args.outputs[0], count_}, launch_of(args));
  }

 private:
  Element element_;
  int64_t count_;
};

/// Strides of an operand that is as large as the result, or [c], or [1].
Dims broadcast_strides(const vitro::Dims& operand, const vitro::Dims& result) {
  if (operand == result) return dense_strides(to_dims(result));
  Dims strides = to_dims(result);
  for (int i = 0; i < strides.rank; ++i) strides.v[i] = 0;
  if (operand.back() != 1) strides.v[strides.rank - 1] = 1;
  return strides;
}

template <BinaryOp kOp>
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const OpContext& op) : a_(op, 0), b_(op, 1) {
    args_.op = kOp;
    args_.element = element_of(op);
    args_.dims = to_dims(op.output().dims);
    args_.a_strides = broadcast_strides(op.input(0).dims, op.output().dims);
    args_.b_strides = broadcast_strides(op.input(1).dims, op.output().dims);
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    BinaryArgs binary_args = args_;
    binary_args.a = a_.in(args);
    binary_args.b = b_.in(args);
    binary_args.y = args.outputs[0];
    binary(binary_args, launch_of(args));
  }

 private:
  BinaryArgs args_;
  Operand a_, b_;
};

}  // namespace

const Impl kGelu{"cuda:gelu", needs_weights, make_kernel<GeluKernel>};
const Impl kAdd{"cuda:add", needs_floats, make_kernel<BinaryKernel<BinaryOp::Add>>};
const Impl kMul{"cuda:mul", needs_floats, make_kernel<BinaryKernel<BinaryOp::Mul>>};

}  // namespace vitro::cuda
