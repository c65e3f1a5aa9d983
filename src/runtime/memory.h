#pragma once

#include "backends/backend.h"
#include "runtime/plan_data.h"

namespace vitro {

/// Bytes that a plan's weights take, for all its sessions together.
struct WeightMemory {
  size_t stored = 0;       ///< as the plan has them, mapped from its file
  size_t other_forms = 0;  ///< what backends made of them, in memory of the host and of devices
  size_t all() const { return stored + other_forms; }
};
WeightMemory weight_memory(const PlanData& plan);

/// Throws OutOfMemory where the weights and the working memory of `streams` runs at once are more
/// than `limit` bytes; 0 is no limit. `what` is what runs, for the error.
void check_memory_limit(const PlanData& plan, const MemoryUse& run, int streams, size_t limit,
                        const std::string& what);

}  // namespace vitro
