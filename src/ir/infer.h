#pragma once

#include <span>

#include "ir/graph.h"

namespace vitro {

/// Most elements of one tensor, 4 TiB of float32: far above any model, and far enough below 2^63
/// that sizes computed from it (bytes, padding, a factor for each thread) cannot overflow.
inline constexpr int64_t kMaxElements = int64_t{1} << 40;

/// The type of a node's result. The number of operands and the kind of attributes are those of
/// op_info(). Throws InvalidArgument, naming the node, the extents and what was expected, when the
/// op cannot take its operands or the result would have more than kMaxElements elements.
TensorType infer_type(const Node& node, std::span<const TensorType> inputs);

// The rules of the op kinds, which op_info.cpp assigns.
TensorType infer_conv2d(const Node& node, std::span<const TensorType> in);
TensorType infer_depthwise(const Node& node, std::span<const TensorType> in);
TensorType infer_linear(const Node& node, std::span<const TensorType> in);
TensorType infer_norm(const Node& node, std::span<const TensorType> in);
TensorType infer_same(const Node& node, std::span<const TensorType> in);
TensorType infer_softmax(const Node& node, std::span<const TensorType> in);
TensorType infer_broadcast(const Node& node, std::span<const TensorType> in);
TensorType infer_matmul(const Node& node, std::span<const TensorType> in);
TensorType infer_reshape(const Node& node, std::span<const TensorType> in);
TensorType infer_reshape_like(const Node& node, std::span<const TensorType> in);
TensorType infer_transpose(const Node& node, std::span<const TensorType> in);
TensorType infer_slice(const Node& node, std::span<const TensorType> in);
TensorType infer_reduce(const Node& node, std::span<const TensorType> in);
TensorType infer_attention(const Node& node, std::span<const TensorType> in);
TensorType infer_attention_block(const Node& node, std::span<const TensorType> in);
TensorType infer_mlp(const Node& node, std::span<const TensorType> in);
TensorType infer_local_mixer(const Node& node, std::span<const TensorType> in);

}  // namespace vitro
