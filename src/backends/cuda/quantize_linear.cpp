#include "backends/cuda/quantize_linear.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

bool is_quantizing(const OpContext& op) { return op.node.kind == OpKind::QuantizeLinear; }

std::optional<Refusal> is_of_bytes(const OpContext& op) {
  if (auto refusal = needs_sizes(op, 1)) return refusal;
  const TensorType &floats = is_quantizing(op) ? op.input(0) : op.output(),
                   &codes = is_quantizing(op) ? op.output() : op.input(0);
  if (floats.dtype != DType::Float32)
    return Refusal{fmt::format("the numbers are {}", dtype_name(floats.dtype))};
  if (codes.dtype != DType::UInt8 && codes.dtype != DType::Int8)
    return Refusal{fmt::format("the codes are {}", dtype_name(codes.dtype))};
  for (size_t i = 1; i < op.num_inputs(); ++i)
    if (op.has_input(i) && !op.constant(i))
      return Refusal{i == 1 ? "the scales are computed" : "the zero points are computed"};
  if (op.input(1).dtype != DType::Float32)
    return Refusal{fmt::format("the scales are {}", dtype_name(op.input(1).dtype))};
  return std::nullopt;
}

bool has_scale_1(const OpContext& op) {
  const Constant* scale = op.constant(1);
  if (num_elements(scale->type.dims) != 1) return false;
  const Constant rows = op.cache.rows(*scale);
  return rows.floats()[0] == 1.0f;
}

}  // namespace

CodesKernel::CodesKernel(const OpContext& op)
    : x_(op, 0),
      is_plain_(!is_quantizing(op) && op.input(0).dtype == DType::UInt8 && !op.has_input(2) &&
                has_scale_1(op)) {
  const TensorType& codes = is_quantizing(op) ? op.output() : op.input(0);
  args_.quantizes = is_quantizing(op);
  args_.number = number_of(op, DType::Float32);
  args_.code = number_of(op, codes.dtype);
  args_.scale = take_floats(op, 1);
  args_.zero = take_bytes(op, 2);
  args_.scales = num_elements(op.input(1).dims);
  if (args_.scales > 1) args_.inner = Lines(op, codes, op.node.as<QuantizeAttrs>().axis).inner;
  args_.count = num_elements(codes.dims);
}

void CodesKernel::run(const KernelArgs& args) const {
  QuantizeArgs quantize_args = args_;
  quantize_args.from = x_.in(args);
  quantize_args.to = args.outputs[0];
  quantize_linear(quantize_args, launch_of(args));
}

const Impl kQuantizeLinear{"cuda:quantize_linear", is_of_bytes, make_kernel<CodesKernel>};

}  // namespace vitro::cuda
