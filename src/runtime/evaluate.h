#pragma once

#include <vector>

#include "ir/graph.h"

namespace vitro {

/// Runs a graph without inputs on the reference backend: the values of its outputs.
std::vector<Constant> evaluate_constants(const Graph& graph);

}  // namespace vitro
