#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// How far the results of two graphs are apart on random inputs of one shape.
struct ResultsAt {
  std::vector<Dims> inputs;
  std::string output;  ///< the one that is furthest
  /// Largest difference of its elements, as a part of the largest magnitude among them; integers
  /// and elements that are not finite are equal or infinitely far.
  double error = 0.0;
};

/// Runs two graphs with the same inputs and outputs on the cpu backend as they are, without passes,
/// at the default shape and, where extents are open, at a second one: on the same seeded inputs.
std::vector<ResultsAt> compare_results(const Graph& reference, const Graph& graph);

}  // namespace vitro
