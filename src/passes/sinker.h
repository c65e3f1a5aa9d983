#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "passes/extents.h"

namespace vitro {

// Axes of a transpose: axis i of the result is axis perm[i] of the operand.

bool is_identity(const Ints& perm);
Ints inverse_of(const Ints& perm);

/// Goes through a graph from its inputs to its outputs and moves transposes behind the ops that
/// read them, until they meet another that they cancel, or an op that needs its axes in that order.
class Sinker {
 public:
  explicit Sinker(Graph& graph);
  void run();

 private:
  void pass();
  /// Whether `node` was replaced by one that reads operands before their transposes.
  bool sink(Node& node);
  bool sink_elementwise(const Node& node, const Ints& perm);
  bool sink_softmax(const Node& node, const Ints& perm);
  bool sink_quantization(const Node& node, const Ints& perm);
  bool sink_last_axis(const Node& node, const Ints& perm);
  bool sink_reduction(const Node& node, const Ints& perm);
  bool sink_along(const Node& node, const Ints& perm);
  bool sink_slice(const Node& node, const Ints& perm);
  bool sink_pad(const Node& node, const Ints& perm);
  bool sink_expand(const Node& node, const Ints& perm);
  bool sink_gather(const Node& node, const Ints& perm);
  bool sink_squeeze(const Node& node, const Ints& perm);
  bool sink_resize(const Node& node, const Ints& perm);
  bool sink_shape(const Node& node, const Ints& perm);
  bool sink_reshape(const Node& node, const Ints& perm);

  /// Whether `node` was replaced by one that reads maps before they become tokens.
  bool sink_view(const Node& node);
  bool sink_channels(const Node& node);
  bool sink_sum(const Node& node);
  bool sink_mean(const Node& node);
  ValueId map_of(ValueId id) const;
  ValueId beside_map(ValueId id, ValueId map, ValueId tokens, const Node& node);
  bool replace_by_tokens(const Node& node, Node moved);

  void add_transpose(Node node);
  bool add_as_view(const Node& transpose);
  void add_view(Node node);
  ValueId resolve(ValueId id) const { return aliases_[static_cast<size_t>(id)]; }
  const Node* producer(ValueId id) const;
  /// The permutation that makes a value, if a transpose does.
  const Ints* perm_of(ValueId id) const;
  ValueId untransposed(ValueId id) const { return producer(id)->inputs[0]; }
  /// The value that broadcasts before the transpose as `id` does behind it; kAbsent when there is
  /// none. Elements are moved for it where all else is channels-last.
  ValueId aligned(ValueId id, const Ints& perm, const Node& node);
  ValueId aligned_constant(ValueId id, const Ints& perm);

  /// A new value for each result, of the types that the node has.
  std::vector<ValueId> emit(Node node);
  ValueId emit(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, const Node& like);
  ValueId add_value(const std::string& name);
  ValueId constant(const std::string& name, Constant constant);
  ValueId integers(const Ints& values, const Node& like);
  /// Result i of `node` is `made` with its axes in the order of `perm`.
  void replace(const Node& node, size_t i, ValueId made, const Ints& perm);
  void alias(ValueId id, ValueId same);
  std::vector<Dims> dims_of(ValueId id) const;
  /// Attributes of a reshape between two values that exist.
  std::optional<Ints> reshape_between(ValueId from, ValueId to) const;

  Graph& graph_;
  Extents extents_;
  bool sinks_ = true;
  std::vector<Node> nodes_;
  std::vector<int> producers_;    ///< by value: index in nodes_, or -1
  std::vector<ValueId> aliases_;  ///< by value
  std::unordered_set<std::string> names_;
};

}  // namespace vitro
