#include "backends/cuda/codes_product.h"

#include <fmt/core.h>

#include "backends/cuda/kernels/mlp.h"
#include "backends/rounded_product.h"
#include "ir/codes.h"

namespace vitro::cuda {
namespace {

CodeKind kind_of(const TensorType& weight) {
  return weight.dtype == DType::Float8E4M3 ? CodeKind::Float8 : CodeKind::Integer;
}

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

/// Factor and offset of the codes that Args make.
template <class Args>
void take_factors(const OpContext& op, size_t quantization, Args& args) {
  if (args.kind == CodeKind::Float8) {
    args.factor = take_floats(op, quantization + 1);
    op.take(quantization + 2);
  } else {
    args.factor = take_steps(op, quantization + 1);
    args.offset = take_steps(op, quantization + 2);
  }
}

const TensorType& type_of(std::span<const TensorType> types, const Node& node, size_t i) {
  return types[static_cast<size_t>(node.inputs[i])];
}

/// One launch multiplies both of its products, with hidden values that stay on a multiprocessor.
bool is_fused(const Node& node, std::span<const TensorType> types, Element element,
              const DeviceInfo& device) {
  const TensorType& x = type_of(types, node, 0);
  MlpArgs args;
  args.element = element;
  args.m = num_rows(x), args.c = width(x);
  args.hidden = extent(type_of(types, node, 1), 0);
  return choose_mlp_tile(args, device.num_sms, device.capability) >= 0;
}

/// Whether products of so many operations save more than it takes to make codes of x. Fitted to an
/// H100, where UniFormer-S was measured with either (docs/performance.md).
bool pays(double flops, const TensorType& x) {
  constexpr double kFloatFlops = 450e6, kSaved = 0.4, kLaunch = 2, kBytes = 2.2e6;  // by the us
  const double elements = static_cast<double>(num_elements(x.dims));
  return kSaved * flops / kFloatFlops > kLaunch + 3 * elements / kBytes;
}

/// Why kernels of codes cannot multiply rows of x, or as many others, with the weight, or null.
const char* codes_refusal(const TensorType& x, const TensorType& weight, Element element,
                          int capability) {
  LinearCodesArgs args;
  args.element = element;
  args.m = num_rows(x), args.n = extent(weight, 0), args.k = extent(weight, 1);
  RowCodesArgs rows;
  rows.element = element, rows.c = args.k;
  if (const char* refusal = row_codes_refusal(rows)) return refusal;
  return linear_codes_refusal(args, capability);
}

/// Of products of 8-bit floats, one after the other.
std::optional<Refusal> refuse_float8(const OpContext& op,
                                     const std::vector<QuantizedSlot>& products) {
  for (const QuantizedSlot& slot : products) {
    if (auto refusal = needs_float8(op, slot)) return refusal;
    if (const char* refusal = codes_refusal(op.input(0), op.input(slot.weight), element_of(op),
                                            device_of(op).capability))
      return Refusal{refusal};
  }
  if (op.node.kind == OpKind::Mlp && products.size() < 2)  // hidden values are codes
    return Refusal{"one of its products is of floats"};
  return needs_sizes(op, 1);
}

/// Of products of integers, which have been chosen.
std::optional<Refusal> refuse_integers(const OpContext& op,
                                       const std::vector<QuantizedSlot>& products) {
  for (const QuantizedSlot& slot : products) {
    if (const DType dtype = op.input(slot.weight).dtype; dtype != DType::Int8)
      return Refusal{fmt::format("weight {} is {}", slot.weight, dtype_name(dtype))};
    if (!is_constant(op.graph, op.node, slot))
      return Refusal{fmt::format("an operand of weight {} is computed", slot.weight)};
  }
  return std::nullopt;
}

}  // namespace

CodesProduct::CodesProduct(const OpContext& op, size_t weight, size_t quantization, int m,
                           const Activation& activation) {
  args_.kind = kind_of(op.input(weight));
  args_.element = element_of(op);
  args_.weight = take_bytes(op, weight);
  args_.bias = take_floats(op, weight + 1);
  args_.scale = take_floats(op, quantization);
  args_.m = m;
  args_.n = extent(op.input(weight), 0);
  args_.k = extent(op.input(weight), 1);
  args_.activation = activation;
}

void CodesProduct::make_codes(const OpContext& op, size_t quantization) {
  take_factors(op, quantization, args_);
}

RowCodes::RowCodes(const OpContext& op, size_t weight, size_t quantization, int m) {
  args_.kind = kind_of(op.input(weight));
  args_.element = element_of(op);
  take_factors(op, quantization, args_);
  args_.rows = m;
  args_.c = extent(op.input(weight), 1);
}

std::optional<Refusal> keeps_codes(const OpContext& op) {
  const DType weight = op.input(1).dtype;
  if (!is_code(weight)) return Refusal{"its products are of floats"};
  const std::vector<QuantizedSlot> products = quantized_slots(op.node);
  return weight == DType::Int8 ? refuse_integers(op, products) : refuse_float8(op, products);
}

bool prefers_codes(const Node& node, std::span<const TensorType> types, size_t weight,
                   Precision precision, int device) {
  const DeviceInfo& info = device_info(device);
  const Element element = element_of(precision);
  const TensorType& x = type_of(types, node, 0);
  const auto can_run = [&](size_t i) {
    return codes_refusal(x, type_of(types, node, i), element, info.capability) == nullptr;
  };
  const auto flops = [&](size_t i) {
    return 2.0 * num_rows(x) * static_cast<double>(num_elements(type_of(types, node, i).dims));
  };
  const auto is_int8 = [&](size_t i) { return type_of(types, node, i).dtype == DType::Int8; };
  switch (node.kind) {
    case OpKind::QuantizedLinear:
      return can_run(1) && pays(flops(1), x);
    case OpKind::AttentionBlock:  // attention makes elements
      return weight == 1 && can_run(1) && pays(flops(1), x);
    case OpKind::Mlp:  // both or none; codes of hidden values cost nothing
      return is_int8(1) && is_int8(3) && can_run(1) && can_run(3) &&
             extent(type_of(types, node, 1), 0) % 16 == 0 && pays(flops(1) + flops(3), x) &&
             !is_fused(node, types, element, info);
    default:
      return false;
  }
}

}  // namespace vitro::cuda
