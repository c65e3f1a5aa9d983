#include "runtime/evaluate.h"

#include "backends/backend.h"

namespace vitro {

std::vector<Constant> evaluate_constants(const Graph& graph) {
  static const Backend& backend = find_backend("reference");
  PlanCache cache;
  const auto executable = backend.compile({graph, {}, cache});
  std::vector<Constant> results;
  std::vector<TensorView> views;
  for (const TensorType& type : executable->outputs()) {
    auto [constant, memory] = allocate_constant(type);
    views.push_back({memory.data(), type.dtype, type.dims, {}});
    results.push_back(std::move(constant));
  }
  const auto lane = backend.make_lane({});
  executable->on(*lane)->run({}, views, nullptr);
  return results;
}

}  // namespace vitro
