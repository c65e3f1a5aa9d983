#pragma once

#include "backends/plan_cache.h"

namespace vitro {

/// The graph with constants in place of views of constants: for a backend whose kernels bring the
/// constants that they read to the memory of a device. `types` are those of all values. The nodes
/// stay where they are. Nothing when there are no such views.
std::optional<Graph> with_views_folded(const Graph& graph, std::span<const TensorType> types,
                                       PlanCache& cache);

}  // namespace vitro
