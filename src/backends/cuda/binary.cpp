#include "backends/cuda/kernels/binary.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/where.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {
namespace {

// By function.
constexpr std::array kBinaryOps{BinaryOp::Add,  BinaryOp::Sub,   BinaryOp::Mul, BinaryOp::Div,
                                BinaryOp::Pow,  BinaryOp::Min,   BinaryOp::Max, BinaryOp::Mod,
                                BinaryOp::Fmod, BinaryOp::PRelu, BinaryOp::And, BinaryOp::Or,
                                BinaryOp::Xor};
constexpr std::array kCompareOps{BinaryOp::Equal, BinaryOp::Less, BinaryOp::LessOrEqual,
                                 BinaryOp::Greater, BinaryOp::GreaterOrEqual};
static_assert(kBinaryOps.size() == static_cast<size_t>(BinaryFunction::Xor) + 1);
static_assert(kCompareOps.size() == static_cast<size_t>(CompareFunction::GreaterOrEqual) + 1);

BinaryOp binary_op(const Node& node) {
  return node.kind == OpKind::Compare
             ? kCompareOps[static_cast<size_t>(node.as<CompareAttrs>().function)]
             : kBinaryOps[static_cast<size_t>(node.as<BinaryAttrs>().function)];
}

std::optional<Refusal> is_binary(const OpContext& op) {
  if (auto refusal = needs_sizes(op, 2)) return refusal;
  const BinaryOp function = binary_op(op.node);
  const DType dtype = op.input(0).dtype;
  const bool takes = dtype == DType::Bool ? takes_booleans(function)
                                          : is_number(dtype) && function < BinaryOp::And;
  if (!takes) return Refusal{fmt::format("the operands are {}", dtype_name(dtype))};
  return std::nullopt;
}

class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const OpContext& op)
      : in_place_(op.input(0) == op.output() ? 0 : -1), a_(op, 0), b_(op, 1) {
    args_.op = binary_op(op.node);
    args_.number = number_of(op, op.input(0).dtype);
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

std::optional<Refusal> is_where(const OpContext& op) { return needs_sizes(op, 3); }

class WhereKernel final : public Kernel {
 public:
  explicit WhereKernel(const OpContext& op) : condition_(op, 0), a_(op, 1), b_(op, 2) {
    args_.element_bytes = stored_element_bytes(op, op.output());
    args_.dims = to_dims(op.output().dims);
    args_.condition_strides = broadcast_strides(op.input(0).dims, op.output().dims);
    args_.a_strides = broadcast_strides(op.input(1).dims, op.output().dims);
    args_.b_strides = broadcast_strides(op.input(2).dims, op.output().dims);
  }
  void run(const KernelArgs& args) const override {
    WhereArgs where_args = args_;
    where_args.condition = condition_.in(args);
    where_args.a = a_.in(args);
    where_args.b = b_.in(args);
    where_args.y = args.outputs[0];
    where(where_args, launch_of(args));
  }

 private:
  WhereArgs args_;
  Operand condition_, a_, b_;
};

}  // namespace

const Impl kBinary{"cuda:binary", is_binary, make_kernel<BinaryKernel>};
const Impl kWhere{"cuda:where", is_where, make_kernel<WhereKernel>};

}  // namespace vitro::cuda
