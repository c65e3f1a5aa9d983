#pragma once

#include "ir/graph.h"
#include "vitro/precision.h"

namespace vitro {

/// The outputs of a graph in double precision, written from the equations of docs/operators.md and
/// sharing no code with any backend. Fused nodes are evaluated through their body. `inputs` are in
/// the graph's order and set the shapes. `products` is what attention, linears and convolutions
/// over two axes in one group round what they multiply to: BFloat16, or nothing for another
/// precision.
std::vector<std::vector<double>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                          Precision products = Precision::Default);

}  // namespace vitro
