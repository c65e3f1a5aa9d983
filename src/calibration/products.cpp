#include "calibration/products.h"

#include <algorithm>
#include <map>

#include "core/check.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

bool has_product(const Graph& graph, const Node& node) {
  if (node.kind != OpKind::Linear && node.kind != OpKind::Conv) return false;
  if (node.kind == OpKind::Conv && node.as<ConvAttrs>().groups != 1) return false;
  const auto& weight = graph.value(node.inputs[1]).constant;
  return weight && weight->storage.empty() && !graph.is_constant(node.inputs[0]) &&
         graph.value(node.inputs[0]).type.dtype == DType::Float32;
}

/// The value behind ops that `passes_by` is true of.
template <typename Condition>
ValueId behind(const Graph& graph, const std::vector<int>& makers, ValueId value,
               const Condition& passes_by) {
  for (int maker; (maker = makers[static_cast<size_t>(value)]) >= 0;) {
    const Node& node = graph.nodes[static_cast<size_t>(maker)];
    if (!passes_by(node)) break;
    value = node.inputs[0];
  }
  return value;
}

bool is_view(const Node& node) { return op_info(node.kind).has(View); }

bool keeps_elements(const Node& node) { return is_view(node) || node.kind == OpKind::Transpose; }

std::vector<std::string> names_of(const Graph& graph, const std::vector<int>& makers,
                                  ValueId value) {
  value = behind(graph, makers, value, keeps_elements);
  for (const Port& port : graph.inputs)
    if (port.value == value) return {port.name};
  const std::string& source =
      graph.nodes[static_cast<size_t>(makers[static_cast<size_t>(value)])].source;
  // As PyTorch's exporters name the results of a node.
  return {source + "_output_0", source};
}

bool pads(const Node& node) {
  if (node.kind != OpKind::Conv) return false;
  const auto& attrs = node.as<ConvAttrs>();
  const auto positive = [](int64_t pad) { return pad > 0; };
  return std::any_of(attrs.pad_begin.begin(), attrs.pad_begin.end(), positive) ||
         std::any_of(attrs.pad_end.begin(), attrs.pad_end.end(), positive);
}

int64_t entry(const Ints& list, size_t i, int64_t otherwise) {
  return i < list.size() ? list[i] : otherwise;
}

/// Why a product with weights of these extents cannot be calibrated by its name, which `uses`
/// products have.
std::string why_left_out(const Node& node, const Dims& weight, int uses) {
  if (node.source.empty()) return "a product without a name";
  if (node.source.size() > kMaxProductName)
    return fmt::format("'{}...': a name of {} bytes", node.source.substr(0, 40),
                       node.source.size());
  if (uses > 1) return fmt::format("'{}': {} products have this name", node.source, uses);
  if (weight.back() > kMaxProductChannels)
    return fmt::format("'{}': an input of {} channels", node.source, weight.back());
  return {};
}

}  // namespace

FoundProducts find_products(const Graph& graph) {
  FoundProducts found;
  const std::vector<int> makers = producers(graph);
  std::vector<TensorType> types;
  for (const Value& value : graph.values) types.push_back(value.type);
  std::map<std::string, int> uses;
  for (const Node& node : graph.nodes)
    if (has_product(graph, node)) ++uses[node.source];
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!has_product(graph, node)) continue;
    const Dims& weight = graph.value(node.inputs[1]).type.dims;
    if (std::string why = why_left_out(node, weight, uses[node.source]); !why.empty()) {
      if (found.left_out.empty() || found.left_out.back() != why)
        found.left_out.push_back(std::move(why));
      continue;
    }
    CalibratedProduct product;
    product.name = node.source;
    product.node = i;
    product.memory = behind(graph, makers, node.inputs[0], is_view);
    if (graph.is_constant(product.memory)) continue;
    product.input_names = names_of(graph, makers, product.memory);
    std::erase_if(product.input_names,
                  [](const std::string& name) { return name.size() > kMaxProductName; });
    product.channels = weight.back();
    product.outputs = weight.front();
    product.depth = num_elements(weight) / product.outputs;
    product.flops = op_info(node.kind).flops(node, operands_of(node, types),
                                             types[static_cast<size_t>(node.output())]);
    product.padded = pads(node);
    found.products.push_back(std::move(product));
  }
  return found;
}

std::vector<float> weights_of(const Graph& graph, const CalibratedProduct& product) {
  const Constant weight =
      with_dtype(*graph.value(graph.nodes[product.node].inputs[1]).constant, DType::Float32);
  return {weight.floats().begin(), weight.floats().end()};
}

void copy_row(const Graph& graph, const CalibratedProduct& product, std::span<const float> input,
              const Dims& dims, const Dims& output, int64_t row, std::span<float> to) {
  const auto channels = static_cast<size_t>(product.channels);
  const Node& node = graph.nodes[product.node];
  if (node.kind == OpKind::Linear) {
    std::copy_n(input.data() + static_cast<size_t>(row) * channels, channels, to.data());
    return;
  }
  const auto& attrs = node.as<ConvAttrs>();
  const Dims& weight = graph.value(node.inputs[1]).type.dims;
  const size_t axes = dims.size() - 2;
  Dims at(axes);  // of the result
  for (size_t a = axes; a-- > 0; row /= output[a + 1]) at[a] = row % output[a + 1];
  const int64_t taps = product.depth / product.channels;
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t rest = tap, position = 0, stride = 1;
    bool inside = true;
    for (size_t a = axes; a-- > 0; rest /= weight[a + 1]) {
      const int64_t x = at[a] * entry(attrs.stride, a, 1) - entry(attrs.pad_begin, a, 0) +
                        rest % weight[a + 1] * entry(attrs.dilation, a, 1);
      inside = inside && x >= 0 && x < dims[a + 1];
      position += x * stride;
      stride *= dims[a + 1];
    }
    float* columns = to.data() + static_cast<size_t>(tap) * channels;
    if (inside)
      std::copy_n(input.data() + static_cast<size_t>(row * stride + position) * channels, channels,
                  columns);
    else
      std::fill_n(columns, channels, 0.0f);
  }
}

}  // namespace vitro
