#include "backends/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/aligned_memory.h"

namespace vitro {
namespace {

size_t aligned(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

bool overlap(const BufferLife& a, const BufferLife& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

MemoryPlan plan_memory(std::span<const BufferLife> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  MemoryPlan plan{std::vector<size_t>(buffers.size()), 0};
  std::vector<size_t> placed;  // by ascending offset
  for (size_t index : order) {
    const size_t bytes = aligned(buffers[index].bytes);
    size_t offset = 0;
    for (size_t other : placed) {
      if (!overlap(buffers[index], buffers[other])) continue;
      if (offset + bytes <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + aligned(buffers[other].bytes));
    }
    plan.offsets[index] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), index, [&](size_t a, size_t b) {
      return plan.offsets[a] < plan.offsets[b];
    });
    placed.insert(at, index);
  }
  return plan;
}

}  // namespace vitro
