#pragma once

#include <span>

#include "ir/infer.h"

namespace vitro {

/// What the IR knows about an op kind.
struct OpInfo {
  OpKind kind;
  const char* name;  ///< snake_case: docs row = test = profile label = kernel file
  int min_inputs;    ///< the operands from here on are optional
  int max_inputs;
  int max_outputs;
  size_t attrs_index;  ///< alternative of Attrs the op requires
  bool fused;          ///< owns a body
  /// Writes the types of the results; called by infer_results().
  void (*infer)(const Node&, Operands, std::span<TensorType> results);
  /// Multiply-adds counted as two; 0 for ops that only move or reduce data. `output`: first result.
  double (*flops)(const Node&, Operands, const TensorType& output);
};

const OpInfo& op_info(OpKind kind);
/// The kind with that name, or nullopt.
std::optional<OpKind> op_kind(std::string_view name);
/// The operands of an op that are the matrices [n, k] of its products: those alone may be constants
/// of Layout::Panel16 or of BFloat16.
std::span<const size_t> matrix_operands(OpKind kind);
bool is_matrix_operand(OpKind kind, size_t index);

}  // namespace vitro
