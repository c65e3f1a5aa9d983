#pragma once

#include "backends/backend.h"
#include "ir/graph.h"

namespace vitro::fuzz {

/// Whether it takes milliseconds to run.
bool is_small(const Graph& graph);

/// Runs a graph that was accepted, on inputs of zeros, on the reference and the cpu backend. Errors
/// are those of compiling.
void run_graph(const Graph& graph, PlanCache& cache);

}  // namespace vitro::fuzz
