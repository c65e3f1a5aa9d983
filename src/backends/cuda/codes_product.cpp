#include "backends/cuda/codes_product.h"

#include "backends/cuda/kernels/mlp.h"

namespace vitro::cuda {
namespace {

/// The operand over kCodeSteps.
const float* take_steps(const OpContext& op, size_t i) {
  const Constant& constant = op.take(i);
  const auto weights = DeviceWeights::of(op.cache, op.device, op.precision);
  return weights->derived(constant, "code steps", [&] {
    std::vector<float> values(constant.floats().begin(), constant.floats().end());
    for (float& v : values) v /= kCodeSteps;
    return values;
  });
}

/// One launch multiplies both of its products, with hidden values that stay on a multiprocessor.
bool is_fused(const Node& node, std::span<const TensorType> types, Element element,
              const DeviceInfo& device) {
  const TensorType& x = types[static_cast<size_t>(node.inputs[0])];
  MlpArgs args;
  args.element = element;
  args.m = num_rows(x), args.c = width(x);
  args.hidden = extent(types[static_cast<size_t>(node.inputs[1])], 0);
  return choose_mlp_tile(args, device.num_sms, device.capability) >= 0;
}

}  // namespace

CodesProduct::CodesProduct(const OpContext& op, size_t weight, size_t quantization, int m,
                           const Activation& activation) {
  args_.element = element_of(op);
  args_.weight = static_cast<const int8_t*>(DeviceWeights::of(op.cache, op.device, op.precision)
                                                ->bytes(op.cache, op.take(weight)));
  args_.bias = take_floats(op, weight + 1);
  args_.scale = take_floats(op, quantization);
  args_.m = m;
  args_.n = extent(op.input(weight), 0);
  args_.k = extent(op.input(weight), 1);
  args_.activation = activation;
}

void CodesProduct::make_codes(const OpContext& op, size_t quantization) {
  args_.factor = take_steps(op, quantization + 1);
  args_.offset = take_steps(op, quantization + 2);
}

RowCodes::RowCodes(const OpContext& op, size_t quantization) {
  args_.element = element_of(op);
  args_.factor = take_steps(op, quantization + 1);
  args_.offset = take_steps(op, quantization + 2);
  args_.rows = num_rows(op.input(0));
  args_.c = width(op.input(0));
}

std::optional<Refusal> keeps_codes(const OpContext& op) {
  if (op.input(1).dtype != DType::Int8) return Refusal{"its products are of floats"};
  return std::nullopt;
}

bool prefers_codes(const Node& node, std::span<const TensorType> types, size_t weight,
                   Precision precision, int device) {
  // Below so many rows the launch that makes codes of them takes what the product saves.
  constexpr int kFewestRows = 1500;
  const DeviceInfo& info = device_info(device);
  const TensorType& x = types[static_cast<size_t>(node.inputs[0])];
  LinearCodesArgs args;
  args.element = element_of(precision);
  args.m = num_rows(x);
  args.n = extent(types[static_cast<size_t>(node.inputs[weight])], 0);
  args.k = extent(types[static_cast<size_t>(node.inputs[weight])], 1);
  RowCodesArgs rows;
  rows.element = args.element, rows.c = width(x);
  if (args.m < kFewestRows || args.n % 16 != 0 || row_codes_refusal(rows) != nullptr ||
      linear_codes_refusal(args, info.capability) != nullptr)
    return false;
  switch (node.kind) {
    case OpKind::QuantizedLinear:
      return true;
    case OpKind::AttentionBlock:
      return weight == 1;  // attention makes elements
    case OpKind::Mlp:
      return node.has_input(5) && node.has_input(8) && !is_fused(node, types, args.element, info);
    default:
      return false;
  }
}

}  // namespace vitro::cuda
