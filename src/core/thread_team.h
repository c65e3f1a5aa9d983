#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "core/timeline.h"

namespace vitro {

/// The most threads a team may have.
inline constexpr int kMaxThreads = 1024;

/// Processors this process may keep busy: those of its affinity mask, or fewer where the CPU quota
/// of its control groups (of a container, say; below `root`) allows fewer, rounded up. At least 1.
int available_cores(const std::filesystem::path& root = "/");

/// The affinity mask of the calling thread; empty where the system does not tell, which is so on
/// machines of more than 1024 processors.
cpu_set_t current_cores();

/// A caller and size() - 1 workers that share loops. Made for hundreds of loops of some 50 us in a
/// row on machines that are not ours alone: workers spin between loops and sleep after a while, and
/// a worker that the operating system has taken off its core never holds up the others, who take
/// over what it has not begun. One caller at a time.
class ThreadTeam {
 public:
  /// Starts size - 1 threads that may use `cores`, whatever those of their callers are. Throws
  /// DeviceError when the system refuses them.
  explicit ThreadTeam(int size, const cpu_set_t& cores = current_cores());
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  /// Calls body(index, thread) once for every index in [0, count), thread being below size() and
  /// used by one call at a time. Each thread prefers one contiguous range, so that what it wrote in
  /// one loop is likely in its cache in the next. Bodies must not throw. Allocates nothing.
  template <typename Body>
  void parallel_for(int64_t count, const Body& body) {
    if (size_ == 1 || count <= 1) {
      if (timeline_) timeline_->begin_loop(0);
      for (int64_t i = 0; i < count; ++i) body(i, 0);
      if (timeline_) timeline_->end_loop(0);
      return;
    }
    run(count, &body, [](const void* context, int64_t index, int thread) {
      (*static_cast<const Body*>(context))(index, thread);
    });
  }

  /// Records when each thread works in the loops that follow; null: nothing, at no cost. Between
  /// loops only, like begin_section().
  void record(Timeline* timeline) { timeline_ = timeline; }
  /// The loops that follow are this phase of the kernel.
  void begin_section(int section) {
    if (timeline_) timeline_->begin_section(section);
  }
  /// In a body: what `thread` does from here on is this phase of the kernel.
  void mark(int thread, int section) {
    if (timeline_) timeline_->mark(thread, section);
  }

 private:
  using Call = void (*)(const void* context, int64_t index, int thread);
  struct alignas(64) Range {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void stop_workers();
  void run(int64_t count, const void* context, Call call);
  void work(int thread);
  void worker(int thread);
  void leave_core_of_caller() const;
  /// Waits for a loop that `seen` was not; returns its epoch, or 0 to end.
  uint32_t await_loop(uint32_t seen);

  int size_;
  Call call_ = nullptr;
  const void* context_ = nullptr;
  Timeline* timeline_ = nullptr;
  std::unique_ptr<Range[]> ranges_;  // by thread
  // Odd while a loop is open to workers. A worker announces itself in active_ before it checks that
  // the loop it saw is still open; the caller closes the loop before it checks that active_ is
  // zero.
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int> active_{0};
  std::atomic<int> sleepers_{0};
  const cpu_set_t cores_;  // that workers may use; may be empty
  std::atomic<int> caller_core_{-1};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace vitro
