#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// A graph of one node, plain or fused, whose weights are constants.
struct OpCase {
  std::string name;  ///< op name, then what is special: letters, digits and underscores
  OpKind kind;
  std::function<Graph()> build;
  /// Range of the inputs.
  float low = -1.0f, high = 1.0f;
};

/// The one list that tests every op on every backend. It covers each kind at odd sizes:
/// channel counts below, at and off vector widths, maps of one pixel, batches, absent biases.
const std::vector<OpCase>& op_cases();

/// The seeded inputs of a case, in the order of the graph's inputs.
std::vector<Tensor> case_inputs(const OpCase& op_case, const Graph& graph);

}  // namespace vitro
