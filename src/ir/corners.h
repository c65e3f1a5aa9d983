#pragma once

#include <span>

#include "ir/graph.h"

namespace vitro {

/// Types of the inputs at the corners of their ranges: every extent that may vary at its least and
/// at a larger value, together and one by one. Extents with the same name vary together. Where the
/// graph refuses the least ones, too small an image for one, the usual ones take their place.
std::vector<std::vector<TensorType>> corner_inputs(const Graph& graph);

/// The types of all values for each of those inputs; empty where the graph refuses them.
std::vector<std::vector<TensorType>> types_at(const Graph& graph,
                                              std::span<const std::vector<TensorType>> inputs);
/// The same at the corners.
std::vector<std::vector<TensorType>> types_at_corners(const Graph& graph);

}  // namespace vitro
