#include "backends/cuda/kernels/elementwise.h"

#include <fmt/core.h>

#include "backends/cuda/activation.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/convert.h"
#include "backends/cuda/kernels/unary_math.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> is_unary(const OpContext& op) {
  return activation_of(op) ? needs_weights(op) : Refusal{"another function"};
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

std::optional<Refusal> is_cast_of_floats(const OpContext& op) {
  if (op.output().dtype != DType::Float32)
    return Refusal{fmt::format("the result is {}", dtype_name(op.output().dtype))};
  return needs_weights(op);
}

/// Between types.
class ConvertKernel final : public Kernel {
 public:
  explicit ConvertKernel(const OpContext& op) : x_(op, 0) {
    args_.from = number_of(op, op.input(0).dtype);
    args_.to = number_of(op, op.output().dtype);
    args_.count = num_elements(op.output().dims);
  }
  void run(const KernelArgs& args) const override {
    ConvertArgs convert_args = args_;
    convert_args.x = x_.in(args);
    convert_args.y = args.outputs[0];
    convert(convert_args, launch_of(args));
  }

 private:
  Operand x_;
  ConvertArgs args_;
};

std::optional<Refusal> is_cast_of_numbers(const OpContext& op) {
  for (const DType dtype : {op.input(0).dtype, op.output().dtype})
    if (!is_number(dtype)) return Refusal{fmt::format("a type is {}", dtype_name(dtype))};
  return needs_sizes(op, 1);
}

constexpr std::pair<UnaryFunction, MathOp> kMathOps[] = {
    {UnaryFunction::Exp, MathOp::Exp},
    {UnaryFunction::Log, MathOp::Log},
    {UnaryFunction::Sqrt, MathOp::Sqrt},
    {UnaryFunction::Rsqrt, MathOp::Rsqrt},
    {UnaryFunction::Reciprocal, MathOp::Reciprocal},
    {UnaryFunction::Neg, MathOp::Neg},
    {UnaryFunction::Abs, MathOp::Abs},
    {UnaryFunction::Erf, MathOp::Erf},
    {UnaryFunction::Floor, MathOp::Floor},
    {UnaryFunction::Ceil, MathOp::Ceil},
    {UnaryFunction::Round, MathOp::Round},
    {UnaryFunction::Sign, MathOp::Sign},
    {UnaryFunction::Mish, MathOp::Mish},
    {UnaryFunction::Elu, MathOp::Elu},
    {UnaryFunction::Celu, MathOp::Celu},
    {UnaryFunction::Selu, MathOp::Selu},
    {UnaryFunction::LeakyRelu, MathOp::LeakyRelu},
    {UnaryFunction::ThresholdedRelu, MathOp::ThresholdedRelu},
    {UnaryFunction::Softplus, MathOp::Softplus},
    {UnaryFunction::Softsign, MathOp::Softsign},
    {UnaryFunction::Sin, MathOp::Sin},
    {UnaryFunction::Cos, MathOp::Cos},
    {UnaryFunction::Tan, MathOp::Tan},
    {UnaryFunction::Asin, MathOp::Asin},
    {UnaryFunction::Acos, MathOp::Acos},
    {UnaryFunction::Atan, MathOp::Atan},
    {UnaryFunction::Sinh, MathOp::Sinh},
    {UnaryFunction::Cosh, MathOp::Cosh},
    {UnaryFunction::Asinh, MathOp::Asinh},
    {UnaryFunction::Acosh, MathOp::Acosh},
    {UnaryFunction::Atanh, MathOp::Atanh},
    {UnaryFunction::Not, MathOp::Not},
    {UnaryFunction::IsNan, MathOp::IsNan},
    {UnaryFunction::IsInf, MathOp::IsInf},
};

/// Of a unary, and of a cast between numbers and booleans.
std::optional<MathOp> math_op(const OpContext& op) {
  if (op.node.kind == OpKind::Cast)
    return op.input(0).dtype == DType::Bool ? MathOp::NumberOf : MathOp::IsNotZero;
  const auto function = op.node.as<UnaryAttrs>().function;
  for (const auto& [ours, math] : kMathOps)
    if (ours == function) return math;
  return std::nullopt;
}

std::optional<Refusal> is_math(const OpContext& op) {
  const auto function = math_op(op);
  if (!function) return Refusal{"another function"};
  if (auto refusal = needs_sizes(op, 1)) return refusal;
  const DType from = reads_booleans(*function) ? DType::Bool : DType::Float32,
              to = gives_booleans(*function) ? DType::Bool : DType::Float32;
  if (op.input(0).dtype != from || op.output().dtype != to)
    return Refusal{fmt::format("it makes {} of {}", dtype_name(op.output().dtype),
                               dtype_name(op.input(0).dtype))};
  return std::nullopt;
}

class UnaryMathKernel final : public Kernel {
 public:
  explicit UnaryMathKernel(const OpContext& op)
      : x_(op, 0), in_place_(op.input(0) == op.output() ? 0 : -1) {
    args_.op = *math_op(op);
    if (op.node.kind == OpKind::Unary) {
      args_.alpha = op.node.as<UnaryAttrs>().alpha;
      args_.beta = op.node.as<UnaryAttrs>().beta;
    }
    args_.element = element_of(op);
    args_.count = num_elements(op.output().dims);
  }
  int in_place_operand() const override { return in_place_; }
  void run(const KernelArgs& args) const override {
    UnaryMathArgs math_args = args_;
    math_args.x = x_.in(args);
    math_args.y = args.outputs[0];
    unary_math(math_args, launch_of(args));
  }

 private:
  Operand x_;
  int in_place_;
  UnaryMathArgs args_;
};

}  // namespace

const Impl kUnary{"cuda:unary", is_unary, make_kernel<UnaryKernel>};
const Impl kUnaryMath{"cuda:unary_math", is_math, make_kernel<UnaryMathKernel>};
const Impl kCastPrecision{"cuda:cast", is_cast_of_floats, make_kernel<CastKernel>};
const Impl kCastTypes{"cuda:cast_types", is_cast_of_numbers, make_kernel<ConvertKernel>};

}  // namespace vitro::cuda
