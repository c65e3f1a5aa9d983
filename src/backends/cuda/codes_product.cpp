#include "backends/cuda/codes_product.h"

#include <fmt/core.h>

#include "backends/cuda/kernels/attention.h"
#include "backends/cuda/kernels/mlp.h"
#include "backends/float_products.h"
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
  return weights->derived({"code steps", {constant}}, [&] {
    std::vector<float> values(constant.floats().begin(), constant.floats().end());
    for (float& v : values) v /= kCodeSteps;
    return values;
  });
}

const TensorType& type_of(std::span<const TensorType> types, const Node& node, size_t i) {
  return types[static_cast<size_t>(node.inputs[i])];
}

/// Whether attention can leave its context as codes.
bool attention_makes_codes(const Node& node, std::span<const TensorType> types, Element element) {
  constexpr float kAnyFactor = 1;
  const auto& attrs = node.as<AttentionBlockAttrs>();
  AttentionArgs args;
  args.element = element;
  args.n = extent(type_of(types, node, 0), 0);
  args.t = num_rows(type_of(types, node, 0)) / args.n;
  args.heads = static_cast<int>(attrs.heads);
  args.head_dim = static_cast<int>(attrs.head_dim);
  args.scale = attrs.scale;
  args.codes.factor = &kAnyFactor;
  return attention_refusal(args, AttentionVariant::Wgmma).empty();
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

/// Whether products of so many operations save more time than a launch takes that makes codes of x.
/// Where codes take the place of the context of attention, which is as large, its bytes are saved.
/// Fitted to an H100, where UniFormer-S was measured with either (docs/performance.md); GPUs
/// before it have less than half of its speed for each multiprocessor.
bool pays(double flops, const TensorType& x, const DeviceInfo& device, bool context = false) {
  constexpr double kSaved = 0.4, kLaunch = 2;  // us
  const double speed = device.num_sms / 132.0 * (device.capability < 90 ? 0.4 : 1);
  const double float_flops = 450e6 * speed, bytes = 2.2e6 * speed;  // by the us
  const double elements = static_cast<double>(num_elements(x.dims));
  return kSaved * flops / float_flops > kLaunch + (context ? 1 : 3) * elements / bytes;
}

/// Why kernels of codes cannot multiply rows of x, or as many others, with the weight, or null.
const char* codes_refusal(const TensorType& x, const TensorType& weight, Element element,
                          int capability) {
  LinearCodesArgs args;
  args.kind = kind_of(weight);
  args.element = element;
  args.m = num_rows(x), args.n = extent(weight, 0), args.k = extent(weight, 1);
  RowCodesArgs rows;
  rows.element = element, rows.c = args.k;
  if (const char* refusal = row_codes_refusal(rows)) return refusal;
  return linear_codes_refusal(args, capability);
}

/// Whether anything of this type is multiplied in codes.
bool multiplies_codes(CodeKind kind, Element element, int capability) {
  LinearCodesArgs smallest;
  smallest.kind = kind;
  smallest.element = element;
  smallest.m = 1, smallest.n = smallest.k = 16;
  return linear_codes_refusal(smallest, capability) == nullptr;
}

/// Whether codes of the node's products have offsets, which kernels do not know of 8-bit floats.
bool has_offsets(const Graph& graph, const Node& node) {
  for (const QuantizedSlot& slot : quantized_slots(node)) {
    if (!is_constant(graph, node, slot)) continue;
    for (float offset : graph.value(node.inputs[slot.quantization + 2]).constant->floats())
      if (offset != 0) return true;
  }
  return false;
}

/// Whether products in codes, launches included, take less time than products of floats.
bool prefers_codes(const Node& node, std::span<const TensorType> types, size_t weight,
                   Element element, const DeviceInfo& device) {
  const TensorType& x = type_of(types, node, 0);
  const auto can_run = [&](size_t i) {
    return codes_refusal(x, type_of(types, node, i), element, device.capability) == nullptr;
  };
  const auto flops = [&](size_t i) {
    return 2.0 * num_rows(x) * static_cast<double>(num_elements(type_of(types, node, i).dims));
  };
  switch (node.kind) {
    case OpKind::QuantizedLinear:
      return can_run(1) && pays(flops(1), x, device);
    case OpKind::AttentionBlock: {
      if (!can_run(1)) return false;
      const bool both = type_of(types, node, 1).dtype == type_of(types, node, 3).dtype &&
                        can_run(3) && attention_makes_codes(node, types, element);
      return both ? pays(flops(1) + flops(3), x, device, true)
                  : weight == 1 && pays(flops(1), x, device);
    }
    case OpKind::Mlp:  // both or none; codes of hidden values cost nothing
      return type_of(types, node, 1).dtype == type_of(types, node, 3).dtype && can_run(1) &&
             can_run(3) && extent(type_of(types, node, 1), 0) % 16 == 0 &&
             pays(flops(1) + flops(3), x, device) && !is_fused(node, types, element, device);
    default:
      return false;
  }
}

}  // namespace

CodeFactors take_code_factors(const OpContext& op, size_t weight, size_t quantization) {
  CodeFactors codes{kind_of(op.input(weight))};
  if (codes.kind == CodeKind::Float8) {
    codes.factor = take_floats(op, quantization + 1);
    op.take(quantization + 2);
  } else {
    codes.factor = take_steps(op, quantization + 1);
    codes.offset = take_steps(op, quantization + 2);
  }
  return codes;
}

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

RowCodes::RowCodes(const OpContext& op, size_t quantization) {
  args_.codes = take_code_factors(op, 1, quantization);
  args_.element = element_of(op);
  args_.rows = num_rows(op.input(0));
  args_.c = width(op.input(0));
}

std::optional<Refusal> keeps_codes(const OpContext& op) {
  if (!is_code(op.input(1).dtype)) return Refusal{"its products are of floats"};
  for (const QuantizedSlot& slot : quantized_slots(op.node)) {
    const TensorType& weight = op.input(slot.weight);
    if (weight.dtype != op.input(1).dtype)
      return Refusal{fmt::format("operand {} is {}", slot.weight, dtype_name(weight.dtype))};
    if (!is_constant(op.graph, op.node, slot))
      return Refusal{fmt::format("an operand of weight {} is computed", slot.weight)};
    if (const char* refusal =
            codes_refusal(op.input(0), weight, element_of(op), device_of(op).capability))
      return Refusal{refusal};
  }
  return std::nullopt;
}

bool stays_in_8_bits(const Graph& graph, const Node& node, std::span<const TensorType> types,
                     size_t weight, Precision precision, int device) {
  const DeviceInfo& info = device_info(device);
  const Element element = element_of(precision);
  const CodeKind kind = kind_of(type_of(types, node, weight));
  const bool is_float8 = kind == CodeKind::Float8;
  if (!multiplies_codes(kind, element, info.capability)) return is_float8;
  if (is_float8 && has_offsets(graph, node)) return false;
  return prefers_codes(node, types, weight, element, info);
}

}  // namespace vitro::cuda
