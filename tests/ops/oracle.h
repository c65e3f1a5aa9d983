#pragma once

#include "ir/graph.h"

namespace vitro {

/// The outputs of a graph in double precision, written from the equations of docs/operators.md and
/// sharing no code with any backend. Fused nodes are evaluated through their body. `inputs` are in
/// the graph's order and set the shapes.
std::vector<std::vector<double>> evaluate(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace vitro
