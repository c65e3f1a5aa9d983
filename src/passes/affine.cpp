#include "passes/affine.h"

#include <algorithm>
#include <cmath>

namespace vitro {
namespace {

std::vector<double> to_double(std::span<const float> values) {
  return {values.begin(), values.end()};
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

bool all_zero(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return v == 0.0; });
}

/// The bias of a node as doubles; zeros when it has none.
std::vector<double> bias_of(const Graph& graph, const Node& node) {
  if (node.has_input(2)) return to_double(graph.value(node.inputs[2]).constant->floats());
  return std::vector<double>(static_cast<size_t>(last_extent(graph, node.output())));
}

/// Stores a bias, unless it would add one of zeros.
void set_bias(Graph& graph, Node& node, const std::vector<double>& bias) {
  if (!node.has_input(2) && all_zero(bias)) return;
  auto [constant, dst] = allocate_floats({static_cast<int64_t>(bias.size())});
  std::transform(bias.begin(), bias.end(), dst.begin(),
                 [](double v) { return static_cast<float>(v); });
  set_weight(graph, node, 2, std::move(constant));
}

}  // namespace

std::optional<ChannelAffine> batch_norm_affine(const Graph& graph, const Node& batch_norm) {
  if (!has_weights(graph, batch_norm)) return std::nullopt;
  const auto operand = [&](size_t i) {
    return graph.value(batch_norm.inputs[i]).constant->floats();
  };
  const auto weight = operand(1), bias = operand(2), mean = operand(3), variance = operand(4);
  const double eps = batch_norm.as<NormAttrs>().eps;
  ChannelAffine affine;
  for (size_t i = 0; i < weight.size(); ++i) {
    const double scale = weight[i] / std::sqrt(variance[i] + eps);
    affine.scale.push_back(scale);
    affine.shift.push_back(bias[i] - mean[i] * scale);
  }
  if (!all_finite(affine.scale) || !all_finite(affine.shift)) return std::nullopt;
  return affine;
}

namespace {

/// Into the factors and offsets of the codes: weights and bias are of codes.
void fold_into_codes(Graph& graph, Node& linear, const ChannelAffine& affine) {
  const auto factor = graph.value(linear.inputs[4]).constant->floats();
  const auto offset = graph.value(linear.inputs[5]).constant->floats();
  auto [factors, new_factor] = allocate_floats({static_cast<int64_t>(factor.size())});
  auto [offsets, new_offset] = allocate_floats({static_cast<int64_t>(factor.size())});
  for (size_t i = 0; i < factor.size(); ++i) {
    new_factor[i] = static_cast<float>(factor[i] * affine.scale[i]);
    new_offset[i] = static_cast<float>(offset[i] + factor[i] * affine.shift[i]);
  }
  set_weight(graph, linear, 4, std::move(factors));
  set_weight(graph, linear, 5, std::move(offsets));
}

}  // namespace

void fold_affine_before(Graph& graph, Node& product, const ChannelAffine& affine) {
  if (product.kind != OpKind::Linear && product.kind != OpKind::Conv)
    return fold_into_codes(graph, product, affine);
  const Constant weight = *graph.value(product.inputs[1]).constant;  // [out, ..., in]
  const size_t in = affine.scale.size();
  const auto src = weight.floats();
  std::vector<double> bias = bias_of(graph, product);
  const size_t terms = src.size() / bias.size();
  auto [folded, dst] = allocate_floats(weight.type.dims);
  for (size_t i = 0; i < src.size(); ++i) {
    const double w = src[i];
    dst[i] = static_cast<float>(w * affine.scale[i % in]);
    bias[i / terms] += w * affine.shift[i % in];
  }
  set_weight(graph, product, 1, std::move(folded));
  set_bias(graph, product, bias);
}

void fold_affine_after(Graph& graph, Node& node, const ChannelAffine& affine) {
  const Constant weight = *graph.value(node.inputs[1]).constant;
  const auto src = weight.floats();
  const size_t channels = affine.scale.size();
  // depthwise_conv2d [kernel_h, kernel_w, c]; the others have their output channels first
  const bool innermost = node.kind == OpKind::DepthwiseConv2d;
  const size_t per_channel = src.size() / channels;
  std::vector<double> bias = bias_of(graph, node);
  auto [folded, dst] = allocate_floats(weight.type.dims);
  for (size_t i = 0; i < src.size(); ++i) {
    const size_t channel = innermost ? i % channels : i / per_channel;
    dst[i] = static_cast<float>(src[i] * affine.scale[channel]);
  }
  for (size_t i = 0; i < channels; ++i) bias[i] = bias[i] * affine.scale[i] + affine.shift[i];
  set_weight(graph, node, 1, std::move(folded));
  set_bias(graph, node, bias);
}

}  // namespace vitro
