#pragma once

#include "ir/graph.h"

namespace vitro {

/// Builds a graph node by node, inferring types on the way. `source` is the module path given to
/// the nodes; operands are value ids of this builder.
class GraphBuilder {
 public:
  ValueId input(std::string name, Dims dims, DType dtype = DType::Float32);
  ValueId constant(std::string name, Constant constant);
  /// Appends a node; fused ops get their body. Throws InvalidArgument when the operands do not fit.
  ValueId op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, const std::string& source);
  const Dims& dims(ValueId id) const { return graph_.value(id).type.dims; }
  /// Marks the results, verifies and hands the graph over; the builder is empty afterwards.
  Graph finish(std::vector<ValueId> outputs);

 private:
  Graph graph_;
};

}  // namespace vitro
