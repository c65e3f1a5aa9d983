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

/// Those of an optimised graph, in its order.
std::vector<NearMiss> near_misses(const Graph& graph);

// Of one pattern each.
void find_attention_misses(Graph& graph, std::vector<NearMiss>& misses);

}  // namespace vitro
