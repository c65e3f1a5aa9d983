// The structure of a plan alone: its text, without a file around it.
#include "core/byte_reader.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/run_graph.h"
#include "ir/graph.h"
#include "runtime/plan_data.h"

namespace vitro::fuzz {
namespace {

/// Gives every constant without bytes zeros.
void fill(Graph& graph, const PlanCache& cache) {
  for (Value& value : graph.values) {
    if (!value.constant || value.constant->bytes.data() != nullptr) continue;
    Constant& constant = *value.constant;
    const TensorType& type = constant.type;
    const auto tensor = std::make_shared<Tensor>(
        type.dtype, constant.storage.empty() ? type.dims : cache.form(constant).dims(type));
    constant.bytes = tensor->bytes();
    constant.owner = tensor;
  }
}

void parse(std::span<const std::byte> bytes) {
  Graph graph = graph_from_json(as_text(bytes));
  const std::string json = graph_to_json(graph);
  if (graph_to_json(graph_from_json(json)) != json) std::abort();
  print(graph);
  if (!is_small(graph)) return;
  const auto cache = make_plan_cache();
  fill(graph, *cache);
  run_graph(graph, *cache);
}

}  // namespace
}  // namespace vitro::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, vitro::fuzz::parse);
}
