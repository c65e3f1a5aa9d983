#pragma once

#include <functional>

#include "backends/plan_cache.h"

namespace vitro {

/// The graph with products of floats in place of those in 8 bits, plain or in fused ops: what the
/// codes and the int8 weights stand for, without the rounding of the input. For a backend that has
/// no kernels for them and multiplies floats as fast. Nothing when the graph has none. The weights
/// are made once for all graphs of the cache. Products whose operands are not constant stay, and
/// those that `keep` wants, which is given a node and the operand that is the weight.
std::optional<Graph> with_float_products(
    const Graph& graph, PlanCache& cache,
    const std::function<bool(const Node& node, size_t weight)>& keep = {});

/// Whether with_float_products() makes another op of a plain node.
bool has_float_product(const Graph& graph, const Node& node);

}  // namespace vitro
