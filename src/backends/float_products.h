#pragma once

#include <functional>

#include "backends/plan_cache.h"

namespace vitro {

/// A rewritten graph.
struct FloatGraph {
  Graph graph;
  std::vector<size_t> origins;  ///< by node: that of the given graph (CompileRequest::origins)
};

/// The graph with products of floats in place of those in 8 bits, plain or in fused ops: what the
/// codes and the weights stand for, without the rounding of the input; where the least code is zero
/// and the input may be below that, it is clipped. For a backend that has no kernels for codes and
/// multiplies floats as fast. Nothing when the graph has none. The weights are made once for all
/// graphs of the cache. Products whose operands are not constant stay, and those that `keep` wants,
/// which is given a node and the operand that is the weight.
std::optional<FloatGraph> with_float_products(
    const Graph& graph, PlanCache& cache,
    const std::function<bool(const Node& node, size_t weight)>& keep = {});

/// The weight and the bias of a product of floats in place of a plain node of 8-bit floats, whose
/// operands, x aside, are constants: of its input rounded and multiplied by float8_steps(). Made
/// once for all graphs of the cache.
struct FloatOperands {
  Constant weight, bias;
};
FloatOperands rounded_operands(PlanCache& cache, const Graph& graph, const Node& node);

/// By which rounded inputs of products of 8-bit floats are multiplied, and the columns of their
/// weights divided: powers of two at 1 / factor or, up to a factor of two, above.
std::vector<float> float8_steps(std::span<const float> factor);

/// Where a product in 8 bits has its operands: scale, factor and offset begin at `quantization`.
struct QuantizedSlot {
  size_t weight, bias, quantization;
};
/// Those of a plain node, or of a fused one.
std::vector<QuantizedSlot> quantized_slots(const Node& node);
/// Whether they are all constants.
bool is_constant(const Graph& graph, const Node& node, const QuantizedSlot& slot);

/// Whether with_float_products() makes another op of a plain node.
bool has_float_product(const Graph& graph, const Node& node);

}  // namespace vitro
