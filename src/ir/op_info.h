#pragma once

#include <limits>
#include <span>
#include <string_view>

#include "ir/graph.h"

namespace vitro {

struct Operand;  // infer.h
using Operands = std::span<const Operand>;

/// What else than its result passes, backends and reports must know of an op.
enum Trait : uint32_t {
  View = 1 << 0,         ///< the result is the memory of operand 0
  Moves = 1 << 1,        ///< elements are copied, not changed: any dtype, by size alone
  Product = 1 << 2,      ///< multiplies matrices: compared with the peak of those
  Elementwise = 1 << 3,  ///< position i of the result depends on position i of the operands alone
  Residual = 1 << 4,     ///< ends with a sum that no pass scales
};

/// Which element types operands may have. A matrix, see OpInfo::matrices, may also be a constant of
/// a narrower one.
struct DTypeRule {
  uint32_t allowed;  ///< of operand 0: one bit for each DType
  uint32_t same;     ///< the operands that share the type of operand 0: one bit for each
};

inline constexpr int kVariadic = std::numeric_limits<int>::max();

/// What the IR knows about an op kind.
struct OpInfo {
  OpKind kind;
  const char* name;  ///< snake_case: docs row = test = profile label = kernel file
  std::span<const char* const> functions;  ///< names of a family's ops by function; else empty
  int min_inputs;                          ///< the operands from here on are optional
  int max_inputs;                          ///< or kVariadic
  int max_outputs;
  size_t attrs_index;  ///< alternative of Attrs the op requires
  bool fused;          ///< owns a body
  uint32_t traits;     ///< of Trait
  DTypeRule dtypes;    ///< checked before infer
  /// Writes the types of the results; called by infer_results().
  void (*infer)(const Node&, Operands, std::span<TensorType> results);
  /// Multiply-adds counted as two; 0 for ops that only move or reduce data. `output`: first result.
  double (*flops)(const Node&, Operands, const TensorType& output);
  /// The elements of the result where they follow from known ones; null: never.
  Contents (*known)(const Node&, Operands, const TensorType& result) = nullptr;
  /// The operands that are matrices [n, k] of its products: those alone may be constants of
  /// BFloat16 beside activations of float32.
  std::span<const size_t> matrices = {};

  bool has(Trait trait) const { return (traits & trait) != 0; }
};

const OpInfo& op_info(OpKind kind);
/// Names of the ops of a kind: that of the kind, or those of a family's functions.
std::span<const char* const> op_names(const OpInfo& info);
/// The name of the op that a node is: "linear", "gelu".
const char* op_name(const Node& node);
const char* op_name(OpKind kind, const Attrs& attrs);

struct NamedOp {
  OpKind kind;
  Attrs attrs;  ///< the usual ones, with the function of the name
};
/// The op with that name, or nullopt.
std::optional<NamedOp> find_op(std::string_view name);
/// The usual attributes of an op kind.
Attrs usual_attrs(OpKind kind);

bool is_matrix_operand(OpKind kind, size_t index);

}  // namespace vitro
