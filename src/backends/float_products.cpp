#include "backends/float_products.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backends/made_from.h"
#include "core/convert.h"
#include "ir/fused_ops.h"
#include "ir/infer.h"

namespace vitro {
namespace {

/// What the codes of a weight stand for but for its scale.
void decode(const Constant& codes, std::span<float> weight) {
  if (codes.type.dtype == DType::Int8)
    std::copy_n(reinterpret_cast<const int8_t*>(codes.bytes.data()), weight.size(), weight.begin());
  else
    std::transform(codes.bytes.begin(), codes.bytes.end(), weight.begin(), [](std::byte bits) {
      return float8_e4m3_to_float32(static_cast<uint8_t>(bits));
    });
}

/// y = scale * sum(w * (factor * x + offset)) + bias.
void multiply_out(std::span<const float> scale, std::span<const float> factor,
                  std::span<const float> offset, std::span<float> weight, std::span<float> bias) {
  const size_t terms = weight.size() / scale.size();
  for (size_t row = 0; row < scale.size(); ++row) {
    double sum = bias[row];
    for (size_t i = row * terms; i < (row + 1) * terms; ++i) {
      const double code = double{scale[row]} * weight[i];
      weight[i] = static_cast<float>(code * factor[i % factor.size()]);
      sum += code * offset[i % factor.size()];
    }
    bias[row] = static_cast<float>(sum);
  }
}

/// y = sum(scale * w / step * (step * rounded x)) + bias.
void multiply_out_rounded(std::span<const float> scale, std::span<const float> step,
                          std::span<float> weight) {
  const size_t terms = weight.size() / scale.size();
  for (size_t i = 0; i < weight.size(); ++i)
    weight[i] = scale[i / terms] * weight[i] / step[i % step.size()];
}

/// Of x, or of x rounded to 8-bit floats.
FloatOperands float_operands(PlanCache& cache, const Graph& graph, const Node& node,
                             const QuantizedSlot& slot, bool rounded) {
  const auto floats = [&](size_t i) { return graph.value(node.inputs[i]).constant->floats(); };
  const Constant codes = cache.rows(*graph.value(node.inputs[slot.weight]).constant);
  const auto scale = floats(slot.quantization), factor = floats(slot.quantization + 1);
  auto [weight, to] = allocate_floats(codes.type.dims);
  auto [bias, sums] = allocate_floats({static_cast<int64_t>(scale.size())});
  std::copy_n(floats(slot.bias).begin(), sums.size(), sums.begin());
  decode(codes, to);
  if (rounded)
    multiply_out_rounded(scale, float8_steps(factor), to);
  else
    multiply_out(scale, factor, floats(slot.quantization + 2), to, sums);
  return {std::move(weight), std::move(bias)};
}

class FloatProducts final : public PlanCache::Kept {
 public:
  PlanCache::Entry entry() const override {
    const std::lock_guard lock(mutex_);
    PlanCache::Entry all{"float products", 2 * products_.size(), 0};
    for (const auto& [from, operands] : products_)
      all.bytes += operands.weight.bytes.size() + operands.bias.bytes.size();
    return all;
  }
  FloatOperands of(PlanCache& cache, const Graph& graph, const Node& node,
                   const QuantizedSlot& slot, bool rounded = false) {
    MadeFrom from{rounded ? "rounded" : "", {}};
    for (size_t i :
         {slot.weight, slot.bias, slot.quantization, slot.quantization + 1, slot.quantization + 2})
      from.constants.push_back(*graph.value(node.inputs[i]).constant);
    const std::lock_guard lock(mutex_);
    const auto found = products_.find(from);
    if (found != products_.end()) return found->second;
    FloatOperands operands = float_operands(cache, graph, node, slot, rounded);
    return products_.emplace(std::move(from), std::move(operands)).first->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<MadeFrom, FloatOperands> products_;
};

std::shared_ptr<FloatProducts> float_products(PlanCache& cache) {
  return std::static_pointer_cast<FloatProducts>(
      cache.keep("float products", [] { return std::make_shared<FloatProducts>(); }));
}

void replace_operand(Graph& graph, Node& node, size_t i, Constant constant) {
  const std::string name = graph.value(node.inputs[i]).name;
  const TensorType type = constant.type;
  node.inputs[i] = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({name, type, std::move(constant)});
}

/// Whether an op gives nothing below zero.
bool is_rectifying(const Graph& graph, const Node& node) {
  if (node.kind == OpKind::Softmax || is(node, UnaryFunction::Relu) ||
      is(node, UnaryFunction::Sigmoid) || is(node, UnaryFunction::HardSigmoid))
    return true;
  if (node.kind != OpKind::Clip || !node.has_input(1)) return false;
  const Value& low = graph.value(node.inputs[1]);
  return low.constant && low.constant->floats()[0] >= 0;
}

/// Whether x, the input of a product in 8 bits, is below zero nowhere, seen through ops that pick
/// elements of one tensor.
bool is_rectified(const Graph& graph, const std::vector<int>& producer_of, ValueId x) {
  while (producer_of[static_cast<size_t>(x)] >= 0) {
    const Node& node = graph.nodes[static_cast<size_t>(producer_of[static_cast<size_t>(x)])];
    if (is_rectifying(graph, node)) return true;
    const OpInfo& info = op_info(node.kind);
    const bool picks = info.has(Trait::View) || node.kind == OpKind::Pool ||
                       (info.has(Trait::Moves) && node.inputs.size() == 1);
    if (!picks) return false;
    x = node.inputs[0];
  }
  return false;
}

/// The largest number that a code of x stands for where the least one is zero, and x may be below
/// that: quantizers leave a relu or a clip out since codes do what it did. Nothing elsewhere.
std::optional<float> clamp_of(const Graph& graph, const std::vector<int>& producer_of,
                              const Node& node) {
  if (!has_float_product(graph, node) || graph.value(node.inputs[1]).type.dtype != DType::Int8)
    return std::nullopt;
  const QuantizedSlot slot = quantized_slots(node)[0];
  const auto floats = [&](size_t i) { return graph.value(node.inputs[i]).constant->floats(); };
  const auto factors = floats(slot.quantization + 1), offsets = floats(slot.quantization + 2);
  const auto is_zero = [](float offset) { return offset == 0; };
  if (!std::all_of(offsets.begin(), offsets.end(), is_zero) ||
      is_rectified(graph, producer_of, node.inputs[0]))
    return std::nullopt;
  constexpr float kLargestCode = 255;
  return kLargestCode / *std::min_element(factors.begin(), factors.end());
}

/// A node that clips the input of `node`, which then reads its result.
Node clip_input(Graph& graph, Node& node, float high) {
  const auto add = [&](Value value) {
    graph.values.push_back(std::move(value));
    return static_cast<ValueId>(graph.values.size() - 1);
  };
  const auto bound = [&](const char* name, float value) {
    Constant constant = make_constant({}, std::span<const float>(&value, 1));
    const TensorType type = constant.type;
    return add({node.source + name, type, std::move(constant)});
  };
  const TensorType type = graph.value(node.inputs[0]).type;
  Node clip;
  clip.kind = OpKind::Clip;
  clip.attrs = usual_attrs(OpKind::Clip);
  clip.source = node.source;
  clip.inputs = {node.inputs[0], bound(".least", 0), bound(".largest", high)};
  clip.outputs = {add({"", type, {}})};
  node.inputs[0] = clip.outputs[0];
  return clip;
}

}  // namespace

std::vector<QuantizedSlot> quantized_slots(const Node& node) {
  if (node.kind == OpKind::QuantizedLinear || node.kind == OpKind::QuantizedConv)
    return {{1, 2, 3}};
  std::vector<QuantizedSlot> slots;
  const OpInfo& info = op_info(node.kind);
  if (!info.fused) return slots;
  auto at = static_cast<size_t>(info.min_inputs);
  for (size_t weight : info.matrices) {
    if (node.has_input(at)) slots.push_back({weight, weight + 1, at});
    at += kQuantizationOperands;
  }
  return slots;
}

bool is_constant(const Graph& graph, const Node& node, const QuantizedSlot& slot) {
  for (size_t i :
       {slot.weight, slot.bias, slot.quantization, slot.quantization + 1, slot.quantization + 2})
    if (!graph.is_constant(node.inputs[i])) return false;
  return true;
}

bool has_float_product(const Graph& graph, const Node& node) {
  const bool plain = node.kind == OpKind::QuantizedLinear || node.kind == OpKind::QuantizedConv;
  return plain && is_constant(graph, node, quantized_slots(node)[0]);
}

FloatOperands rounded_operands(PlanCache& cache, const Graph& graph, const Node& node) {
  return float_products(cache)->of(cache, graph, node, quantized_slots(node)[0], true);
}

std::vector<float> float8_steps(std::span<const float> factor) {
  std::vector<float> steps;
  for (float f : factor) steps.push_back(std::ldexp(1.0f, -std::ilogb(f)));
  return steps;
}

std::optional<FloatGraph> with_float_products(
    const Graph& graph, PlanCache& cache,
    const std::function<bool(const Node& node, size_t weight)>& keep) {
  std::optional<Graph> result;
  std::shared_ptr<FloatProducts> products;
  const std::vector<int> producer_of = producers(graph);
  std::vector<std::pair<size_t, float>> clamps;  // by node
  for (size_t index = 0; index < graph.nodes.size(); ++index) {
    const Node& given = graph.nodes[index];
    for (const QuantizedSlot& slot : quantized_slots(given)) {
      if (!is_constant(graph, given, slot) || (keep && keep(given, slot.weight))) continue;
      if (!result) {
        result = graph;
        products = float_products(cache);
      }
      Node& node = result->nodes[index];
      FloatOperands product = products->of(cache, graph, given, slot);
      replace_operand(*result, node, slot.weight, std::move(product.weight));
      replace_operand(*result, node, slot.bias, std::move(product.bias));
      for (size_t i = 0; i < kQuantizationOperands; ++i)
        node.inputs[slot.quantization + i] = kAbsent;
      if (node.kind == OpKind::QuantizedLinear) node.kind = OpKind::Linear;
      if (node.kind == OpKind::QuantizedConv) node.kind = OpKind::Conv;
      if (const auto high = clamp_of(graph, producer_of, given)) clamps.emplace_back(index, *high);
    }
    if (!result) continue;
    Node& node = result->nodes[index];
    while (!node.inputs.empty() && node.inputs.back() == kAbsent) node.inputs.pop_back();
    if (node.body) node.body = std::make_shared<Graph>(fused_body(*result, node));
  }
  if (!result) return std::nullopt;
  std::vector<size_t> origins(graph.nodes.size());
  std::iota(origins.begin(), origins.end(), size_t{0});
  for (size_t i = clamps.size(); i-- > 0;) {  // from the end, where indices still hold
    const auto at = static_cast<std::ptrdiff_t>(clamps[i].first);
    Node clip = clip_input(*result, result->nodes[clamps[i].first], clamps[i].second);
    result->nodes.insert(result->nodes.begin() + at, std::move(clip));
    origins.insert(origins.begin() + at, clamps[i].first);
  }
  return FloatGraph{std::move(*result), std::move(origins)};
}

}  // namespace vitro
