#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/backend.h"

namespace vitro {

/// A program of a session. `evicted` once it has made room for another: lanes then drop it.
struct CompiledProgram {
  std::unique_ptr<const Executable> executable;
  std::atomic<bool> evicted = false;
};

/// A lane and the programs that have run on it.
class LaneSlot {
 public:
  explicit LaneSlot(std::unique_ptr<Lane> lane) : lane_(std::move(lane)) {}
  Lane& lane() { return *lane_; }
  /// Where its work went last: a stream of a caller, null for its own; nothing when it has had
  /// none.
  std::optional<const void*> stream() const { return stream_; }
  void work_for(const void* stream) { stream_ = stream; }
  /// The program on this lane; made when it is new here.
  Context& context(const std::shared_ptr<const CompiledProgram>& program);
  void drop_evicted();

 private:
  struct Entry {
    std::shared_ptr<const CompiledProgram> program;
    std::unique_ptr<Context> context;
  };
  std::unique_ptr<Lane> lane_;
  std::optional<const void*> stream_;
  std::vector<Entry> entries_;
};

/// At most `limit` lanes of a backend, made when first needed and used again. Whoever finds all of
/// them taken sleeps and gets one in the order of coming.
///
/// Work that is enqueued on a stream waits for what was enqueued with the same lane before, on
/// whatever stream: so a stream gets the lane that worked for it last (LaneSlot::work_for), and
/// another stream another one, as far as they go.
class LanePool {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  /// With a fallback the lanes are those of make_lane_with_fallback().
  LanePool(const Backend& backend, int limit, const LaneOptions& options,
           const Backend* fallback = nullptr);

  /// Holds a lane and gives it back.
  class Lease {
   public:
    /// For work on a stream of the caller, or on the lane's own where that is null. Throws
    /// DeadlineExceeded when no lane is free in time, and what Backend::make_lane() throws; the
    /// place is then free again.
    explicit Lease(LanePool& pool, const Deadline& deadline = {}, const void* stream = nullptr);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    LaneSlot& slot() { return *slot_; }

   private:
    LanePool& pool_;
    std::unique_ptr<LaneSlot> slot_;
  };

  int limit() const { return limit_; }
  const LaneOptions& options() const { return options_; }
  /// How many wait for a lane now.
  int waiting();
  /// How many lanes there are, idle or taken.
  int num_lanes();
  /// Idle lanes drop evicted programs; the others do when they are given back.
  void drop_evicted();

 private:
  struct Waiter {
    std::condition_variable turn;
    bool admitted = false;
    Waiter* next = nullptr;
  };

  void enter(std::unique_lock<std::mutex>& lock, const Deadline& deadline);
  void leave_queue(Waiter& waiter);
  void leave(std::unique_ptr<LaneSlot> slot) noexcept;

  std::unique_ptr<Lane> make_lane() const;
  std::unique_ptr<LaneSlot> take_idle(const void* stream);

  const Backend& backend_;
  const Backend* const fallback_;
  const int limit_;
  const LaneOptions options_;
  std::mutex mutex_;
  int free_;      // places that nobody holds or waits for
  int made_ = 0;  // or being made
  // The one that was given back last is behind; never grows beyond its first capacity.
  std::vector<std::unique_ptr<LaneSlot>> idle_;
  Waiter* first_ = nullptr;  // a queue through the stacks of those who wait
  Waiter** end_ = &first_;
};

}  // namespace vitro
