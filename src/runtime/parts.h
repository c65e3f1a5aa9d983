#pragma once

#include "backends/memory_plan.h"
#include "core/aligned_memory.h"
#include "runtime/fallback.h"

namespace vitro {

/// A lane of each backend and the memory of the borders.
class TwoLanes final : public Lane {
 public:
  TwoLanes(const Backend& first, const Backend& fallback, const LaneOptions& options)
      : fallback_backend_(fallback), options_(options), first_(first.make_lane(options)) {
    options_.device = 0;
  }

  Lane& first() { return *first_; }
  Lane& fallback() {
    if (!fallback_) fallback_ = fallback_backend_.make_lane(options_);
    return *fallback_;
  }
  /// At least so many bytes; what was in them may be lost.
  std::byte* borders(size_t bytes) {
    if (bytes > border_bytes_ || !borders_) {
      borders_.reset();
      borders_ = allocate_aligned(bytes, "borders between backends");
      border_bytes_ = bytes;
    }
    return borders_.get();
  }

 private:
  const Backend& fallback_backend_;
  LaneOptions options_;
  std::unique_ptr<Lane> first_, fallback_;
  AlignedMemory borders_;
  size_t border_bytes_ = 0;
};

/// A compiled piece and its place in the run.
struct Part {
  bool fallback = false;
  std::vector<Piece::Port> inputs, outputs;
  std::unique_ptr<Executable> executable;
  bool copies_in = false, copies_out = false;
  size_t first_step = 0;  ///< of the whole; that of copying in when there is one

  size_t num_steps() const { return executable->steps().size(); }
  size_t copy_in_step() const { return first_step; }
  size_t own_step() const { return first_step + (copies_in ? 1 : 0); }
  size_t copy_out_step() const { return own_step() + num_steps(); }
  size_t end() const { return copy_out_step() + (copies_out ? 1 : 0); }
};

/// A graph that two backends run in turns. Data only.
struct PartsProgram {
  std::vector<Part> parts;
  const Backend* first = nullptr;
  const Backend* fallback = nullptr;
  std::vector<TensorType> inputs, outputs;
  MemoryPlan border_memory;
  FallbackUse use;
  std::vector<StepInfo> steps;
  std::vector<Dispatch> dispatch;
  std::vector<ArenaBuffer> buffers;
  MemoryUse memory;
  int threads = 1;
};

/// Runs it on TwoLanes.
std::unique_ptr<Executable> make_parts_executable(PartsProgram program);
/// The same for what the first backend takes whole, as if there were no other.
std::unique_ptr<Executable> make_whole_executable(std::unique_ptr<Executable> whole);

}  // namespace vitro
