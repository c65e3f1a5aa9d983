#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/op.h"
#include "vitro/io.h"

namespace vitro {

/// An immutable weight of any type. Copies share the bytes, which are 64-byte aligned.
struct Constant {
  TensorType type;
  /// Empty: the bytes are the dense, row-major elements. Else the id of the form of a backend that
  /// they are packed in (backends/packed_form.h), from which the elements can be had again.
  std::string storage;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;

  /// The elements of a dense float32 constant; throws Internal for another dtype or storage.
  std::span<const float> floats() const;
};

/// The elements of a small tensor of integers or booleans, dense rows, where they are known before
/// anything runs.
using Contents = std::optional<Ints>;
/// Larger tensors are no arithmetic of shapes.
inline constexpr int64_t kMaxContents = 1024;

/// An owning, dense float32 constant.
Constant make_constant(Dims dims, std::span<const float> values);
/// An owning, dense constant of integers.
Constant make_constant(Dims dims, std::span<const int64_t> values, DType dtype = DType::Int64);
/// The elements of a small dense constant of integers or booleans; nothing for another one.
Contents contents_of(const Constant& constant);
/// An uninitialised owning constant and the place to write it; `bytes` when it is not dense.
std::pair<Constant, std::span<std::byte>> allocate_constant(const TensorType& type,
                                                            std::optional<size_t> bytes = {});
/// The same for dense float32.
std::pair<Constant, std::span<float>> allocate_floats(Dims dims);
/// Bytes of the dense elements of a tensor.
size_t dense_bytes(const TensorType& type);
/// The same dense weights stored as Float32 or BFloat16, rounded to the nearest; the constant
/// itself when it is stored so already.
Constant with_dtype(const Constant& constant, DType dtype);

/// A dense constant with its axes in another order: axis i of the result is axis perm[i].
Constant permuted(const Constant& constant, const Ints& perm);

using ValueId = int32_t;
/// An operand that is not given, or a result that nobody asked for.
inline constexpr ValueId kAbsent = -1;

/// A tensor of the graph: an input, a constant or the result of exactly one node.
struct Value {
  std::string name;
  TensorType type;                   ///< at the graph's default input shape
  std::optional<Constant> constant;  ///< weights only
};

struct Graph;

/// One operation.
struct Node {
  OpKind kind{};
  Attrs attrs;
  std::vector<ValueId> inputs;        ///< optional operands may be kAbsent, or left out at the end
  std::vector<ValueId> outputs;       ///< at least one
  std::string source;                 ///< module path it came from, e.g. "blocks3.4.attn.qkv"
  std::shared_ptr<const Graph> body;  ///< fused ops only: the plain ops it stands for
  /// Computed and stored in float32 where a session is asked for float16: values that it reads or
  /// makes have been seen beyond what that holds.
  bool keeps_float32 = false;

  /// The result of a node that has one; throws Internal when it has several.
  ValueId output() const;
  /// Whether operand i is given.
  bool has_input(size_t i) const { return i < inputs.size() && inputs[i] != kAbsent; }

  template <typename A>
  const A& as() const {
    return std::get<A>(attrs);
  }
};

/// Whether a node is the op of a family that has that function.
inline bool is(const Node& node, UnaryFunction function) {
  return node.kind == OpKind::Unary && node.as<UnaryAttrs>().function == function;
}
inline bool is(const Node& node, BinaryFunction function) {
  return node.kind == OpKind::Binary && node.as<BinaryAttrs>().function == function;
}
inline bool is(const Node& node, ReduceFunction function) {
  return node.kind == OpKind::Reduce && node.as<ReduceAttrs>().function == function;
}
inline bool is(const Node& node, OpKind kind) { return node.kind == kind; }

/// A named input or output of a graph.
struct Port {
  std::string name;
  ValueId value = kAbsent;
  std::vector<DimRange> dims;  ///< by axis; empty: each is fixed at the extent of the value's type
};

/// A directed acyclic graph in execution order. It is valid for every shape inside the ranges of
/// its inputs: `type` of a value is that of the default input shapes, and infer_types() gives those
/// of others.
struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<Port> inputs;
  std::vector<Port> outputs;

  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  bool is_constant(ValueId id) const { return value(id).constant.has_value(); }
};

/// Types of the operands of a node at the default shape, in order, without absent ones.
std::vector<TensorType> given_types(const Graph& graph, const Node& node);
/// Types of the inputs at the default shape.
std::vector<TensorType> input_types(const Graph& graph);
/// For each value, the index of the node that makes it, or -1.
std::vector<int> producers(const Graph& graph);
/// For each value, the indices of the nodes that read it (once per operand).
std::vector<std::vector<int>> consumers(const Graph& graph);
/// Redirects every reader of `from`, graph outputs included, to `to`.
void replace_uses(Graph& graph, ValueId from, ValueId to);
/// Drops nodes whose results nobody reads, then values that nothing refers to; ids are renumbered.
void remove_dead(Graph& graph);
/// Replaces the fused node at `node_index` by its body.
void inline_body(Graph& graph, size_t node_index);

/// What is known of every value, by id, for given input types.
struct Inference {
  std::vector<TensorType> types;
  std::vector<Contents> contents;
};
/// Throws InvalidArgument, naming the node, the extents and what was expected, when an op cannot
/// take its operands.
Inference infer(const Graph& graph, std::span<const TensorType> inputs);
/// The types alone.
std::vector<TensorType> infer_types(const Graph& graph, std::span<const TensorType> inputs);

/// The largest extent of an input that has no bound of its own.
inline constexpr int64_t kOpenExtent = int64_t{1} << 31;

/// Height and width of the input must be multiples of this: the product of the strides of the
/// convolutions that tile it. 1 where nothing of the kind can be said.
int64_t input_multiple(const Graph& graph);

/// Throws Internal when a node has a number of operands or results, absent operands or attributes
/// that its op does not have.
void verify_signature(const Node& node);

/// Throws Internal when the graph is malformed: ids out of range, a use before its definition, a
/// wrong arity, an attribute of another op, a constant whose bytes do not fit its extents, a stored
/// type that differs from the inferred one, or a fused node whose body computes another type.
void verify(const Graph& graph);

/// Readable text, one line per node; the format is that of `--dump-ir` and of the pass tests.
std::string print(const Graph& graph);
/// " {eps=1e-06}", as print() shows attributes; empty when there are none.
std::string attrs_text(const Attrs& attrs);

/// Graph structure as JSON text, without the bytes of constants (each is named by its value).
std::string graph_to_json(const Graph& graph);
/// The inverse. Constants get type and storage but no bytes. Throws CorruptFile.
Graph graph_from_json(std::string_view json);

}  // namespace vitro
