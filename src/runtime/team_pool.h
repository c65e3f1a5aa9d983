#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/thread_team.h"

namespace vitro {

/// At most `limit` teams of `threads` threads, made when first needed and used again. Whoever finds
/// all of them taken sleeps and gets one in the order of coming.
class TeamPool {
 public:
  /// `cores` are those that the teams may use.
  TeamPool(int limit, int threads, const cpu_set_t& cores);

  /// Holds a team and gives it back.
  class Lease {
   public:
    /// Throws DeviceError when a new team cannot be started; the place is then free again.
    explicit Lease(TeamPool& pool);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    ThreadTeam& team() { return *team_; }

   private:
    TeamPool& pool_;
    std::unique_ptr<ThreadTeam> team_;
  };

  int limit() const { return limit_; }
  int threads() const { return threads_; }
  /// How many wait for a team now.
  int waiting();

 private:
  struct Waiter {
    std::condition_variable turn;
    bool admitted = false;
    Waiter* next = nullptr;
  };

  void enter(std::unique_lock<std::mutex>& lock);
  void leave(std::unique_ptr<ThreadTeam> team) noexcept;

  const int limit_;
  const int threads_;
  const cpu_set_t cores_;
  std::mutex mutex_;
  int free_;                                       // places that nobody holds or waits for
  std::vector<std::unique_ptr<ThreadTeam>> idle_;  // never grows beyond its first capacity
  Waiter* first_ = nullptr;                        // a queue through the stacks of those who wait
  Waiter** end_ = &first_;
};

}  // namespace vitro
