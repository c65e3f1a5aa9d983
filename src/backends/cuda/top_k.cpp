#include "backends/cuda/kernels/top_k.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> can_order(const OpContext& op) {
  if (auto refusal = needs_sizes(op, 1)) return refusal;
  const DType dtype = op.input(0).dtype;
  if (dtype == DType::Float32 || dtype == DType::Int64) return std::nullopt;
  return Refusal{fmt::format("elements are {}, expected F32 or I64", dtype_name(dtype))};
}

class TopKKernel final : public Kernel {
 public:
  explicit TopKKernel(const OpContext& op) : x_(op, 0) {
    const auto& attrs = op.node.as<TopKAttrs>();
    const Lines lines(op, op.input(0), attrs.axis);
    args_.number = number_of(op, op.input(0).dtype);
    args_.largest = attrs.largest;
    args_.outer = lines.outer, args_.extent = lines.extent, args_.inner = lines.inner;
    args_.k = top_k_count(op.node, operands_of(op.node, op.types, op.contents));
  }
  void run(const KernelArgs& args) const override {
    TopKArgs top_k_args = args_;
    top_k_args.x = x_.in(args);
    top_k_args.values = args.outputs[0];
    if (args.outputs.size() > 1) top_k_args.indices = reinterpret_cast<int64_t*>(args.outputs[1]);
    top_k(top_k_args, launch_of(args));
  }

 private:
  Operand x_;
  TopKArgs args_;
};

class ArgKernel final : public Kernel {
 public:
  explicit ArgKernel(const OpContext& op) : x_(op, 0) {
    const auto& attrs = op.node.as<ArgAttrs>();
    const Lines lines(op, op.input(0), attrs.axis);
    args_.number = number_of(op, op.input(0).dtype);
    args_.largest = attrs.function == ArgFunction::Max;
    args_.last = attrs.last;
    args_.outer = lines.outer, args_.extent = lines.extent, args_.inner = lines.inner;
  }
  void run(const KernelArgs& args) const override {
    ArgArgs arg_args = args_;
    arg_args.x = x_.in(args);
    arg_args.indices = reinterpret_cast<int64_t*>(args.outputs[0]);
    arg(arg_args, launch_of(args));
  }

 private:
  Operand x_;
  ArgArgs args_;
};

}  // namespace

const Impl kTopK{"cuda:top_k", can_order, make_kernel<TopKKernel>};
const Impl kArg{"cuda:arg", can_order, make_kernel<ArgKernel>};

}  // namespace vitro::cuda
