#include "formats/safetensors.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/run_graph.h"
#include "runtime/plan_data.h"

// Past the checksum on purpose: whoever edits a plan can also correct that.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    const auto plan =
        vitro::plan_from_tensors(vitro::parse_safetensors(bytes, "fuzz"), nullptr, "fuzz");
    if (vitro::fuzz::is_small(plan->graph)) vitro::fuzz::run_graph(plan->graph, *plan->cache);
  });
}
