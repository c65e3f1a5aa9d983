#pragma once

#include "ir/graph.h"

namespace vitro {

class GraphBuilder;

/// The definition of a fused node of the graph: a graph whose inputs are the operands that it has,
/// in order, built of plain ops (or of fused ops with a body of their own). The types of the
/// operands fix channel counts, not shapes.
Graph fused_body(const Graph& graph, const Node& node);

/// softmax(scale * q k^T + bias) v of packed qkv in plain ops: the body of attention; `bias` may be
/// kAbsent. The source of its nodes is `module`, or in a body, where it is empty, what each of them
/// does.
ValueId build_attention(GraphBuilder& builder, ValueId qkv, ValueId bias,
                        const AttentionAttrs& attrs, const std::string& module = {});

/// The attributes of a depthwise_conv2d that keeps the extents of its input, as those of
/// local_mixer do: stride 1, half of the odd extents of `weight` [kernel_h, kernel_w, c] as
/// padding.
Conv2dAttrs same_padding(const Dims& weight);

}  // namespace vitro
