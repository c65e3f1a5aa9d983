#pragma once

#include "ir/graph.h"

namespace vitro {

/// Types of the inputs at the corners of their ranges: every extent that may vary at its least and
/// at a larger value, together and one by one. Extents with the same name vary together.
std::vector<std::vector<TensorType>> corner_inputs(const Graph& graph);

/// The types of all values at each corner; empty where the graph refuses the inputs.
std::vector<std::vector<TensorType>> types_at_corners(const Graph& graph);

}  // namespace vitro
