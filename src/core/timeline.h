#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vitro {

/// What the threads of a team did and when, for profiles. Each thread writes marks into memory of
/// its own that was reserved beforehand: recording neither allocates nor waits. A mark costs one
/// reading of the clock.
class Timeline {
 public:
  static constexpr int kIdle = -1;
  struct Mark {
    int64_t ns;       ///< now_ns()
    int32_t step;     ///< of the program
    int32_t section;  ///< that the thread works on from here; kIdle: its share of a loop is done
  };

  /// Room for `capacity` marks of each thread.
  Timeline(int threads, size_t capacity);

  /// The clock of all marks, in nanoseconds.
  static int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  // While no loop runs:
  /// Forgets all marks.
  void clear();
  /// The loops that follow belong to this step and begin with its section 0.
  void begin_step(size_t step) {
    step_ = static_cast<int32_t>(step);
    section_ = 0;
  }
  /// The loops that follow begin with this section.
  void begin_section(int section) { section_ = section; }
  /// In order of time.
  std::span<const Mark> marks(int thread) const;
  int threads() const { return static_cast<int>(lanes_.size()); }
  size_t capacity() const { return capacity_; }
  /// Marks that found no room. A profile with any of them is wrong.
  size_t lost() const;

  // In a loop, by the thread itself:
  void begin_loop(int thread) { mark(thread, section_); }
  void end_loop(int thread) { mark(thread, kIdle); }
  void mark(int thread, int section) {
    Lane& lane = lanes_[static_cast<size_t>(thread)];
    if (lane.size < capacity_)
      lane.marks[lane.size++] = {now_ns(), step_, section};
    else
      ++lane.lost;
  }

 private:
  struct alignas(64) Lane {
    std::unique_ptr<Mark[]> marks;
    size_t size = 0;
    size_t lost = 0;
  };

  size_t capacity_;
  std::vector<Lane> lanes_;
  int32_t step_ = 0;
  int32_t section_ = 0;
};

}  // namespace vitro
