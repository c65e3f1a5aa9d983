#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"

namespace vitro {

enum class Owner : uint8_t {
  Nobody,  ///< a view, or known before a run: it takes no time anywhere
  Primary,
  Fallback
};

/// A graph at one shape and who runs each node. Fused ops of which the first backend takes a part
/// are replaced by the ops they stand for.
struct AssignedGraph {
  struct Node {
    Owner owner = Owner::Nobody;
    std::string refusal;  ///< of the first backend
  };
  Graph graph;
  Inference known;
  std::vector<Node> owners;     ///< by node
  std::vector<size_t> origins;  ///< node of the graph given, by node

  /// Whether the elements of a value are known before a run, there being none among others.
  bool is_known_or_empty(ValueId id) const;
  /// Those elements; the value itself when it is a constant.
  Constant constant(ValueId id) const;
};

/// Asks `first` about every op.
AssignedGraph assign_nodes(const CompileRequest& request, const Backend& first);

}  // namespace vitro
