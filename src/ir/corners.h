#pragma once

#include <span>

#include "ir/graph.h"

namespace vitro {

/// Other extents of a range that a graph which takes `usual` is likely to take, the likeliest
/// first: what halves and doubles a picture inside may ask for multiples that no range tells.
std::vector<int64_t> likely_extents(const DimRange& range, int64_t usual);

/// Types of the inputs at the corners of their ranges: every extent that may vary at its least and
/// at a larger value, together and one by one. Extents with the same name vary together. Where the
/// graph refuses the least ones, too small an image for one, the usual ones take their place; where
/// it refuses the larger ones, those of likely_extents().
std::vector<std::vector<TensorType>> corner_inputs(const Graph& graph);

/// Types of the inputs with one of the extents that may vary at another value than usual, or all.
struct Variation {
  std::string extent;  ///< its name, or input and axis; empty: all
  std::vector<TensorType> inputs;
};
/// A few of each, near and far, whatever the graph makes of them.
std::vector<Variation> variations(const Graph& graph);

/// The types of all values for each of those inputs; empty where the graph refuses them.
std::vector<std::vector<TensorType>> types_at(const Graph& graph,
                                              std::span<const std::vector<TensorType>> inputs);
/// The same at the corners.
std::vector<std::vector<TensorType>> types_at_corners(const Graph& graph);

}  // namespace vitro
