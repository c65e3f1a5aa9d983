#include "runtime/team_pool.h"

namespace vitro {

TeamPool::TeamPool(int limit, int threads, const cpu_set_t& cores)
    : limit_(limit), threads_(threads), cores_(cores), free_(limit) {
  idle_.reserve(static_cast<size_t>(limit));
}

/// Takes a place. One that is given back goes to the first who waits, never to who comes later.
void TeamPool::enter(std::unique_lock<std::mutex>& lock) {
  if (free_ > 0) {
    --free_;
    return;
  }
  Waiter self;
  *end_ = &self;
  end_ = &self.next;
  self.turn.wait(lock, [&] { return self.admitted; });
}

void TeamPool::leave(std::unique_ptr<ThreadTeam> team) noexcept {
  const std::lock_guard lock(mutex_);
  if (team) idle_.push_back(std::move(team));
  if (!first_) {
    ++free_;
    return;
  }
  Waiter& next = *first_;
  first_ = next.next;
  if (!first_) end_ = &first_;
  next.admitted = true;
  next.turn.notify_one();  // under the lock: afterwards the waiter may be gone
}

int TeamPool::waiting() {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const Waiter* waiter = first_; waiter; waiter = waiter->next) ++count;
  return count;
}

TeamPool::Lease::Lease(TeamPool& pool) : pool_(pool) {
  {
    std::unique_lock lock(pool.mutex_);
    pool.enter(lock);
    if (!pool.idle_.empty()) {
      team_ = std::move(pool.idle_.back());
      pool.idle_.pop_back();
      return;
    }
  }
  try {
    team_ = std::make_unique<ThreadTeam>(pool.threads_, pool.cores_);
  } catch (...) {
    pool.leave(nullptr);
    throw;
  }
}

TeamPool::Lease::~Lease() { pool_.leave(std::move(team_)); }

}  // namespace vitro
