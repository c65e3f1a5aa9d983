#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vitro {

/// A buffer that must hold its bytes from step `first` to step `last`, both included.
struct BufferLife {
  size_t bytes = 0;
  int first = 0;
  int last = 0;
};

/// Where each buffer lies in the arena.
struct MemoryPlan {
  std::vector<size_t> offsets;  ///< 64-byte aligned
  size_t arena_bytes = 0;
};

/// Packs buffers so that two that live at the same step never overlap: largest first, each at the
/// lowest gap that fits. Deterministic; never larger than the sum of all buffers.
MemoryPlan plan_memory(std::span<const BufferLife> buffers);

}  // namespace vitro
