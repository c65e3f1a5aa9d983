#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// The addend of a sum, when it is a vector of the channels.
bool is_vector(const Graph& graph, ValueId id, int64_t channels) {
  if (!is_weight(graph, id)) return false;
  const Dims& dims = graph.value(id).type.dims;
  return !dims.empty() && dims.back() == channels && num_elements(dims) == channels;
}

bool fold(const Matcher& matcher, Node& add, ValueId sum, ValueId addend) {
  Graph& graph = matcher.graph();
  Node* producer = matcher.absorber(sum);
  if (!producer || producer->has_input(2)) return false;
  const int64_t channels = last_extent(graph, sum);
  if (!is_vector(graph, addend, channels)) return false;
  if (graph.value(addend).type.dims.size() > graph.value(sum).type.dims.size()) return false;
  set_weight(graph, *producer, 2,
             make_constant({channels}, graph.value(addend).constant->floats()));
  replace_uses(graph, add.output(), sum);
  return true;
}

}  // namespace

void fold_bias_add(Graph& graph) { rewrite_sums(graph, fold); }

}  // namespace vitro
