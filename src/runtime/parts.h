#pragma once

#include "runtime/fallback.h"

namespace vitro {

/// A lane of each backend, and memory for values that wait between pieces.
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
  /// At least so many bytes near one of them; what was in them may be lost.
  const LaneMemory& borders(bool on_first, size_t bytes) {
    Borders& borders = borders_[on_first];
    if (bytes > borders.bytes) {
      borders = {};  // before the new one is asked for: both at once may not fit
      borders = {(on_first ? first() : fallback()).allocate(bytes), bytes};
    }
    return borders.memory;
  }

 private:
  const Backend& fallback_backend_;
  LaneOptions options_;
  std::unique_ptr<Lane> first_, fallback_;
  struct Borders {
    LaneMemory memory;
    size_t bytes = 0;
  } borders_[2];  // by Border::on_first
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
  /// Where a border lies among those of its memory.
  struct Place {
    bool on_first;
    size_t offset;
  };
  std::vector<Place> borders;
  size_t border_bytes[2] = {0, 0};  ///< by Border::on_first
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
