#include "fuzz/run_graph.h"

#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro::fuzz {
namespace {

constexpr int64_t kMostElements = 1 << 16;
constexpr double kMostFlops = 1 << 22;

void run_on(const Backend& backend, const Graph& graph, PlanCache& cache) {
  const std::vector<TensorType> types = input_types(graph);
  const auto executable = backend.compile({graph, types, cache});
  const auto lane = backend.make_lane({executable->threads()});
  std::vector<Tensor> tensors;
  const auto views_of = [&](std::span<const TensorType> wanted) {
    std::vector<TensorView> views;
    for (const TensorType& type : wanted)
      views.push_back(tensors.emplace_back(type.dtype, type.dims).view());
    return views;
  };
  const auto inputs = views_of(executable->inputs()), outputs = views_of(executable->outputs());
  executable->on(*lane)->run(inputs, outputs, nullptr);
}

}  // namespace

bool is_small(const Graph& graph) {
  int64_t elements = 0;
  for (const Value& value : graph.values) {
    elements += num_elements(value.type.dims);
    if (elements > kMostElements) return false;
  }
  double flops = 0;
  const auto types = infer_types(graph, input_types(graph));
  for (const Node& node : graph.nodes) {
    if (node.body && !is_small(*node.body)) return false;
    if (node.outputs[0] != kAbsent)
      flops += op_info(node.kind).flops(node, operands_of(node, types),
                                        types[static_cast<size_t>(node.outputs[0])]);
  }
  return flops <= kMostFlops;
}

void run_graph(const Graph& graph, PlanCache& cache) {
  run_on(find_backend("reference"), graph, cache);
  run_on(find_backend("cpu"), graph, cache);
}

}  // namespace vitro::fuzz
