#include "runtime/memory.h"

#include "core/check.h"

namespace vitro {

WeightMemory weight_memory(const PlanData& plan) {
  WeightMemory memory;
  for (const Value& value : plan.graph.values)
    if (value.constant) memory.stored += value.constant->bytes.size();
  for (const PlanCache::Entry& entry : plan.cache->entries()) memory.other_forms += entry.bytes;
  return memory;
}

void check_memory_limit(const PlanData& plan, const MemoryUse& run, int streams, size_t limit,
                        const std::string& what) {
  if (limit == 0) return;
  const size_t weights = weight_memory(plan).all(), each = run.arena + run.staging,
               all = weights + static_cast<size_t>(streams) * each;
  if (all <= limit) return;
  throw Error(ErrorCode::OutOfMemory,
              fmt::format("{} takes {} bytes, {} of them weights and {} for each of {} {} at once; "
                          "at most {} are allowed",
                          what, all, weights, each, streams, streams == 1 ? "run" : "runs", limit),
              "smaller batches and fewer streams take less");
}

}  // namespace vitro
