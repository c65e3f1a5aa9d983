#pragma once

#include <span>

#include "ir/graph.h"

namespace vitro {

/// Most elements of one tensor, 4 TiB of float32: far above any model, and far enough below 2^63
/// that sizes computed from it (bytes, padding, a factor for each thread) cannot overflow.
inline constexpr int64_t kMaxElements = int64_t{1} << 40;

/// What inference sees of an operand.
struct Operand {
  const TensorType* type = nullptr;  ///< null: the operand is absent

  explicit operator bool() const { return type != nullptr; }
  const Dims& dims() const { return type->dims; }
  DType dtype() const { return type->dtype; }
};
using Operands = std::span<const Operand>;

/// The operands of a node: as many as op_info() allows at most, those that are not given absent.
/// `types` are those of all values, by id.
std::vector<Operand> operands_of(const Node& node, std::span<const TensorType> types);

/// The types of a node's results, as many as it has. The number of operands and the kind of
/// attributes are those of op_info(). Throws InvalidArgument, naming the node, the extents and what
/// was expected, when the op cannot take its operands or a result would have more than kMaxElements
/// elements.
std::vector<TensorType> infer_results(const Node& node, Operands operands);

// The rules of the op kinds, which op_info.cpp assigns.
TensorType infer_conv2d(const Node& node, Operands in);
TensorType infer_depthwise(const Node& node, Operands in);
TensorType infer_linear(const Node& node, Operands in);
TensorType infer_norm(const Node& node, Operands in);
TensorType infer_same(const Node& node, Operands in);
TensorType infer_softmax(const Node& node, Operands in);
TensorType infer_broadcast(const Node& node, Operands in);
TensorType infer_matmul(const Node& node, Operands in);
TensorType infer_reshape(const Node& node, Operands in);
TensorType infer_reshape_like(const Node& node, Operands in);
TensorType infer_transpose(const Node& node, Operands in);
TensorType infer_slice(const Node& node, Operands in);
TensorType infer_reduce(const Node& node, Operands in);
TensorType infer_attention(const Node& node, Operands in);
TensorType infer_attention_block(const Node& node, Operands in);
TensorType infer_mlp(const Node& node, Operands in);
TensorType infer_local_mixer(const Node& node, Operands in);

}  // namespace vitro
