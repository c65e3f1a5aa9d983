#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// Who makes and who reads each value, at one moment of a graph. Nodes found through it may be
/// changed; it is stale after any change of nodes, outputs or operands.
class Matcher {
 public:
  explicit Matcher(Graph& graph);

  Graph& graph() const { return graph_; }
  /// The node that makes a value; nullptr for inputs and constants.
  Node* producer(ValueId id) const;
  /// The node that makes a value, if it is of that kind or function (`what`); else nullptr.
  template <typename What>
  Node* producer(ValueId id, What what) const {
    Node* node = producer(id);
    return node && is(*node, what) ? node : nullptr;
  }
  /// The same, and nothing but one operand of one node reads the value.
  template <typename What>
  Node* sole_producer(ValueId id, What what) const {
    return num_uses(id) == 1 ? producer(id, what) : nullptr;
  }
  /// The conv, depthwise_conv2d or linear with weights that makes a value which nothing else reads:
  /// it can absorb a factor or an addend of each channel. Else nullptr.
  Node* absorber(ValueId id) const;
  /// The nodes that read a value, once per operand.
  std::vector<Node*> readers(ValueId id) const;
  /// Operands that read a value, and graph outputs that are it.
  size_t num_uses(ValueId id) const { return uses_[static_cast<size_t>(id)]; }
  /// The linears and quantized_linears that take a value as their input, directly or through
  /// reshapes that keep the last extent, when nothing else reads it; else empty. All have weights.
  std::vector<Node*> linear_readers(ValueId id) const;
  /// Whether two values have the same type at every input shape, as far as the corners of the
  /// ranges tell: at the default shape alone, an extent of 1 may be one that broadcasts.
  bool same_types(ValueId a, ValueId b) const;
  /// Whether a condition on the types of all values holds at the default shape and at the corners.
  bool holds(const std::function<bool(const std::vector<TensorType>&)>& condition) const;
  /// The linear with weights, or the quantized_linear, that makes a value which nothing else reads;
  /// else nullptr.
  Node* sole_linear(ValueId id) const;
  /// What a value is before views that nothing else reads and that keep its last extent.
  ValueId before_views(ValueId id) const;

 private:
  bool is_linear_with_weights(const Node& node) const;
  bool collect_linears(ValueId id, std::vector<Node*>& linears) const;

  Graph& graph_;
  std::vector<int> producers_;
  std::vector<std::vector<int>> consumers_;
  std::vector<size_t> uses_;
  mutable std::optional<std::vector<std::vector<TensorType>>> corners_;  ///< when first needed
};

/// Applies `rewrite` to nodes until it changes none. It returns whether it changed the graph, after
/// which dead nodes are dropped, so that its next calls count live uses only.
void rewrite_nodes(Graph& graph, const std::function<bool(const Matcher&, Node&)>& rewrite);

/// The same for sums: `fuse(matcher, add, x, branch)` is called for both orders of the operands.
void rewrite_sums(Graph& graph, bool (*fuse)(const Matcher&, Node& add, ValueId x, ValueId branch));

/// A constant whose elements passes may read: dense float32 with bytes.
bool is_weight(const Graph& graph, ValueId id);
/// The element of a constant of one, which passes may read; nothing for another value.
std::optional<double> scalar_value(const Graph& graph, ValueId id);
/// All operands of a node from `first` on are weights.
bool has_weights(const Graph& graph, const Node& node, size_t first = 1);
/// The last extent of a value.
int64_t last_extent(const Graph& graph, ValueId id);
/// Stride 1, odd kernel extents and the padding that keeps the extents of the input.
bool keeps_extents(const Graph& graph, const Node& depthwise);
/// Whether a reduction leaves the last axis in its place.
bool keeps_channels(const Graph& graph, const Node& reduce);
/// Whether a reshape copies its `count` leading extents at every input shape it is valid for. One
/// with literal extents alone is meant for the default shape.
bool copies_leading(const Graph& graph, const Node& reshape, size_t count);

/// A name that no value of the graph has: `name`, or `name` with a number behind it.
std::string unique_name(const Graph& graph, const std::string& name);
/// Adds a constant under that name, or one like it that is free.
ValueId add_constant(Graph& graph, const std::string& name, Constant constant);
/// Gives operand `index` of a node a new constant. It takes the place and the name of the old one,
/// which other readers keep. An operand the node lacks, next after its last, is appended and named
/// after the weight (operand 1): "a.weight" -> "a.bias".
void set_weight(Graph& graph, Node& node, size_t index, Constant constant);
/// The bias of a linear, conv2d or depthwise_conv2d; zeros, added to the graph, when it has none.
ValueId bias_or_zeros(Graph& graph, const Node& node);

/// The operands of a fused op with those behind them that say which of its products are in 8 bits.
std::vector<ValueId> with_quantization(std::vector<ValueId> operands, const Node& first,
                                       const Node& second);
/// Turns a node into a fused one: same result, another kind with its body.
void become_fused(Graph& graph, Node& node, OpKind kind, Attrs attrs, std::vector<ValueId> inputs);

}  // namespace vitro
