#include "backends/float_products.h"

#include "ir/fused_ops.h"
#include "ir/infer.h"

namespace vitro {
namespace {

/// Where a product in 8 bits has its operands.
struct Slot {
  size_t weight, bias, quantization;
};

std::vector<Slot> quantized_slots(const Node& node) {
  if (node.kind == OpKind::QuantizedLinear || node.kind == OpKind::QuantizedConv)
    return {{1, 2, 3}};
  std::vector<Slot> slots;
  const OpInfo& info = op_info(node.kind);
  if (!info.fused) return slots;
  auto at = static_cast<size_t>(info.min_inputs);
  for (size_t weight : info.matrices) {
    if (node.has_input(at)) slots.push_back({weight, weight + 1, at});
    at += kQuantizationOperands;
  }
  return slots;
}

struct FloatProduct {
  Constant weight, bias;
  Constant source;  ///< keeps the address that it is found by in use
};

/// y = scale * sum(w * (factor * x + offset)) + bias.
FloatProduct float_product(PlanCache& cache, const Graph& graph, const Node& node,
                           const Slot& slot) {
  const auto floats = [&](size_t i) { return graph.value(node.inputs[i]).constant->floats(); };
  const Constant codes = cache.rows(*graph.value(node.inputs[slot.weight]).constant);
  const auto* w = reinterpret_cast<const int8_t*>(codes.bytes.data());
  const auto scale = floats(slot.quantization), factor = floats(slot.quantization + 1),
             offset = floats(slot.quantization + 2), given_bias = floats(slot.bias);
  const size_t out = scale.size(), in = factor.size();
  auto [weight, to] = allocate_floats(codes.type.dims);
  auto [bias, sums] = allocate_floats({static_cast<int64_t>(out)});
  const size_t terms = to.size() / out;
  for (size_t row = 0; row < out; ++row) {
    double sum = given_bias[row];
    for (size_t i = row * terms; i < (row + 1) * terms; ++i) {
      const double code = double{scale[row]} * w[i];
      to[i] = static_cast<float>(code * factor[i % in]);
      sum += code * offset[i % in];
    }
    sums[row] = static_cast<float>(sum);
  }
  return {std::move(weight), std::move(bias), *graph.value(node.inputs[slot.weight]).constant};
}

/// By the bytes of the int8 weight.
class FloatProducts final : public PlanCache::Kept {
 public:
  PlanCache::Entry entry() const override {
    const std::lock_guard lock(mutex_);
    PlanCache::Entry all{"float products", 2 * products_.size(), 0};
    for (const auto& [key, product] : products_)
      all.bytes += product.weight.bytes.size() + product.bias.bytes.size();
    return all;
  }
  FloatProduct of(PlanCache& cache, const Graph& graph, const Node& node, const Slot& slot) {
    const std::byte* const key = graph.value(node.inputs[slot.weight]).constant->bytes.data();
    const std::lock_guard lock(mutex_);
    const auto found = products_.find(key);
    if (found != products_.end()) return found->second;
    return products_.emplace(key, float_product(cache, graph, node, slot)).first->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<const std::byte*, FloatProduct> products_;
};

bool is_constant_slot(const Graph& graph, const Node& node, const Slot& slot) {
  for (size_t i :
       {slot.weight, slot.bias, slot.quantization, slot.quantization + 1, slot.quantization + 2})
    if (!graph.is_constant(node.inputs[i])) return false;
  return true;
}

void replace_operand(Graph& graph, Node& node, size_t i, Constant constant) {
  const std::string name = graph.value(node.inputs[i]).name;
  const TensorType type = constant.type;
  node.inputs[i] = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({name, type, std::move(constant)});
}

}  // namespace

bool has_float_product(const Graph& graph, const Node& node) {
  const bool plain = node.kind == OpKind::QuantizedLinear || node.kind == OpKind::QuantizedConv;
  return plain && is_constant_slot(graph, node, quantized_slots(node)[0]);
}

std::optional<Graph> with_float_products(
    const Graph& graph, PlanCache& cache,
    const std::function<bool(const Node& node, size_t weight)>& keep) {
  std::optional<Graph> result;
  std::shared_ptr<FloatProducts> products;
  for (size_t index = 0; index < graph.nodes.size(); ++index) {
    const Node& given = graph.nodes[index];
    for (const Slot& slot : quantized_slots(given)) {
      if (!is_constant_slot(graph, given, slot) || (keep && keep(given, slot.weight))) continue;
      if (!result) {
        result = graph;
        products = std::static_pointer_cast<FloatProducts>(
            cache.keep("float products", [] { return std::make_shared<FloatProducts>(); }));
      }
      Node& node = result->nodes[index];
      FloatProduct product = products->of(cache, graph, given, slot);
      replace_operand(*result, node, slot.weight, std::move(product.weight));
      replace_operand(*result, node, slot.bias, std::move(product.bias));
      for (size_t i = 0; i < kQuantizationOperands; ++i)
        node.inputs[slot.quantization + i] = kAbsent;
      if (node.kind == OpKind::QuantizedLinear) node.kind = OpKind::Linear;
      if (node.kind == OpKind::QuantizedConv) node.kind = OpKind::Conv;
    }
    if (!result) continue;
    Node& node = result->nodes[index];
    while (!node.inputs.empty() && node.inputs.back() == kAbsent) node.inputs.pop_back();
    if (node.body) node.body = std::make_shared<Graph>(fused_body(*result, node));
  }
  return result;
}

}  // namespace vitro
