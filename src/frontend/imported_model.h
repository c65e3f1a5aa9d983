#pragma once

#include <vector>

#include "ir/graph.h"
#include "vitro/plan.h"

namespace vitro {

/// A model as a graph, and everything a plan has to remember of where it came from.
struct ImportedModel {
  Graph graph;                       ///< owns its weights; the file may go
  PlanInfo info;                     ///< a classifier's input size is the graph's default one
  std::vector<WeightRecord> ledger;  ///< every tensor of the file that was used, in that order
};

}  // namespace vitro
