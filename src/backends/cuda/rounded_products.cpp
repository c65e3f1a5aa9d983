#include "backends/cuda/rounded_products.h"

#include <fmt/core.h>

#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/round_float8.h"
#include "backends/cuda/operands.h"
#include "backends/rounded_product.h"

// Products of 8-bit floats: two launches, one that rounds x and a product of floats.
namespace vitro::cuda {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float8(op)) return refusal;
  if (op.input(0).dtype != DType::Float32)
    return Refusal{fmt::format("operand 0 is {}", dtype_name(op.input(0).dtype))};
  return needs_sizes(op, op.num_inputs());
}

std::unique_ptr<Kernel> make(const OpContext& op, std::span<const Impl> impls) {
  const auto weights = DeviceWeights::of(op.cache, op.device, op.precision);
  const Float8Rounding rounding = float8_rounding(op);
  const Constant& factor = *op.constant(4);
  RoundFloat8Args how;
  how.element = element_of(op);
  how.factor = weights->floats(op.cache, factor);
  how.step = weights->derived({"float8 steps", {factor}}, [&] { return rounding.step; });
  how.rows = num_rows(op.input(0));
  how.c = width(op.input(0));
  const auto round = [how](const KernelArgs& args, std::byte* rounded) {
    RoundFloat8Args round_args = how;
    round_args.x = args.inputs[0];
    round_args.y = rounded;
    round_float8(round_args, launch_of(args));
  };
  const size_t bytes =
      static_cast<size_t>(num_elements(op.input(0).dims)) * element_size(how.element);
  return std::make_unique<RoundedProduct>(op, impls, op.precision, bytes, round);
}

std::unique_ptr<Kernel> make_linear(const OpContext& op) { return make(op, kLinearTiles); }

std::unique_ptr<Kernel> make_conv(const OpContext& op) {
  return make(op, std::array{kConv2dWindows, kConvDirect});
}

}  // namespace

const Impl kQuantizedLinearRounded{"cuda:quantized_linear_rounded", can_run, make_linear};
const Impl kQuantizedConvRounded{"cuda:quantized_conv_rounded", can_run, make_conv};

}  // namespace vitro::cuda
