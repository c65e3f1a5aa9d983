#pragma once

#include <optional>
#include <vector>

#include "passes/pattern.h"

namespace vitro {

/// y = scale * x + shift for each channel.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

/// What a batch_norm computes; nullopt when its operands are no weights or its numbers not finite.
std::optional<ChannelAffine> batch_norm_affine(const Graph& graph, const Node& batch_norm);

/// Folds an affine map of the input channels of a linear, or of a conv of one group that pads
/// nothing, into its weight and bias, of a quantized_linear or such a quantized_conv into its
/// factors and offsets. All operands but the first are weights.
void fold_affine_before(Graph& graph, Node& product, const ChannelAffine& affine);

/// Folds an affine map of the output channels of a linear, conv2d or depthwise_conv2d into its
/// weight and bias. All operands but the first are weights.
void fold_affine_after(Graph& graph, Node& node, const ChannelAffine& affine);

}  // namespace vitro
