#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// Ops that look like a pattern and stayed apart.
struct NearMiss {
  std::string pattern;  ///< the op that they would have become
  std::string source;   ///< of the node where the pattern is recognised
  std::string reason;   ///< the first condition that failed, with its values
};

/// Those of an optimised graph, by pattern and in its order.
std::vector<NearMiss> near_misses(const Graph& graph);

}  // namespace vitro
