#include "backends/cuda/kernels/elementwise.h"

#include "backends/cuda/activation.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/strided.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> is_unary(const OpContext& op) {
  return activation_of(op) ? needs_weights(op) : Refusal{"another function"};
}

template <BinaryFunction kFunction>
std::optional<Refusal> is_binary(const OpContext& op) {
  return is(op.node, kFunction) ? needs_floats(op) : Refusal{"another function"};
}

class UnaryKernel final : public Kernel {
 public:
  explicit UnaryKernel(const OpContext& op) {
    args_.function = *activation_of(op);
    args_.element = element_of(op);
    args_.count = num_elements(op.output().dims);
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    UnaryArgs unary_args = args_;
    unary_args.x = args.inputs[0];
    unary_args.y = args.outputs[0];
    unary(unary_args, launch_of(args));
  }

 private:
  UnaryArgs args_;
};

/// Between what two precisions store (backends/float_islands.h).
class CastKernel final : public Kernel {
 public:
  explicit CastKernel(const OpContext& op) {
    args_.from = element_of(op.stored[static_cast<size_t>(op.node.inputs[0])]);
    args_.to = element_of(op);
    args_.count = num_elements(op.output().dims);
  }
  void run(const KernelArgs& args) const override {
    CastArgs cast_args = args_;
    cast_args.x = args.inputs[0];
    cast_args.y = args.outputs[0];
    cast(cast_args, launch_of(args));
  }

 private:
  CastArgs args_;
};

Dims broadcast_strides(const vitro::Dims& operand, const vitro::Dims& result) {
  return to_dims(broadcast_walk(operand, result).strides);
}

template <BinaryOp kOp>
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const OpContext& op)
      : in_place_(op.input(0).dims == op.output().dims ? 0 : -1), a_(op, 0), b_(op, 1) {
    args_.op = kOp;
    args_.element = element_of(op);
    args_.dims = to_dims(op.output().dims);
    args_.a_strides = broadcast_strides(op.input(0).dims, op.output().dims);
    args_.b_strides = broadcast_strides(op.input(1).dims, op.output().dims);
  }
  int in_place_operand() const override { return in_place_; }
  void run(const KernelArgs& args) const override {
    BinaryArgs binary_args = args_;
    binary_args.a = a_.in(args);
    binary_args.b = b_.in(args);
    binary_args.y = args.outputs[0];
    binary(binary_args, launch_of(args));
  }

 private:
  BinaryArgs args_;
  int in_place_;
  Operand a_, b_;
};

}  // namespace

const Impl kUnary{"cuda:unary", is_unary, make_kernel<UnaryKernel>};
const Impl kCastPrecision{"cuda:cast", needs_weights, make_kernel<CastKernel>};
const Impl kAdd{"cuda:add", is_binary<BinaryFunction::Add>,
                make_kernel<BinaryKernel<BinaryOp::Add>>};
const Impl kMul{"cuda:mul", is_binary<BinaryFunction::Mul>,
                make_kernel<BinaryKernel<BinaryOp::Mul>>};

}  // namespace vitro::cuda
