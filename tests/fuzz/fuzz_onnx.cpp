// Any bytes as an ONNX model: the wire reader, the importer, the passes and a run of small graphs.
#include "core/check.h"
#include "frontend/onnx/import.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/run_graph.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"
#include "runtime/plan_data.h"

namespace vitro::fuzz {
namespace {

/// What depends on constants alone; nothing that takes long.
std::vector<Constant> evaluate(const Graph& graph) {
  if (!is_small(graph)) fail(ErrorCode::Unsupported, "a constant that takes long");
  return evaluate_constants(graph);
}

void parse(std::span<const std::byte> bytes) {
  // Not in the folder of any file: external data is not found.
  Graph graph = import_onnx(bytes, "/nowhere/fuzz.onnx", evaluate);
  print(graph);
  if (!is_small(graph)) return;
  run_graph(graph, *make_plan_cache());
  run_passes(graph, {});
  run_graph(graph, *make_plan_cache());
}

}  // namespace
}  // namespace vitro::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, vitro::fuzz::parse);
}
