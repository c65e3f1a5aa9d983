#include "passes/near_miss.h"

namespace vitro {

std::vector<NearMiss> near_misses(const Graph& graph) {
  Graph copy = graph;
  std::vector<NearMiss> misses;
  find_attention_misses(copy, misses);
  return misses;
}

}  // namespace vitro
