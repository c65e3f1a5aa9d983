#pragma once

#include "ir/graph.h"

namespace vitro {

/// Builds a graph node by node, inferring types on the way. `source` is the module path given to
/// the nodes; operands are value ids of this builder.
class GraphBuilder {
 public:
  /// An input whose extents are fixed, or lie in `ranges` (one for each axis).
  ValueId input(std::string name, Dims dims, DType dtype = DType::Float32,
                std::vector<DimRange> ranges = {});
  ValueId constant(std::string name, Constant constant);
  /// Appends a node with one result; fused ops get their body. `{}` stands for the usual
  /// attributes. Operands that are not given are kAbsent. Throws InvalidArgument when the operands
  /// do not fit.
  ValueId op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, const std::string& source);
  ValueId op(UnaryFunction function, ValueId x, const std::string& source) {
    return op(OpKind::Unary, UnaryAttrs{function}, {x}, source);
  }
  ValueId op(BinaryFunction function, ValueId a, ValueId b, const std::string& source) {
    return op(OpKind::Binary, BinaryAttrs{function}, {a, b}, source);
  }
  /// The same for a node with `num_outputs` results.
  std::vector<ValueId> ops(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                           size_t num_outputs, const std::string& source);
  /// What has been built so far.
  const Graph& graph() const { return graph_; }
  const Dims& dims(ValueId id) const { return graph_.value(id).type.dims; }
  const Value& value(ValueId id) const { return graph_.value(id); }
  /// The elements of small integers, where they are known at the default shape.
  const Contents& contents(ValueId id) const { return known_.contents[static_cast<size_t>(id)]; }
  /// A graph of the last node and its operands, which are constants; its outputs are the results.
  Graph last_node_alone() const;
  /// Marks the results, verifies and hands the graph over; the builder is empty afterwards. Results
  /// without a name are "output", or "output0", "output1", ... when there are several.
  Graph finish(std::vector<ValueId> outputs, std::vector<std::string> names = {});

 private:
  ValueId add(Value value, Contents contents = {});

  Graph graph_;
  Inference known_;  ///< of the values so far
};

}  // namespace vitro
