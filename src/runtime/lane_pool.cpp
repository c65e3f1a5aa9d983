#include "runtime/lane_pool.h"

#include <algorithm>

#include "core/check.h"
#include "runtime/fallback.h"

namespace vitro {

Context& LaneSlot::context(const std::shared_ptr<const CompiledProgram>& program) {
  for (const Entry& entry : entries_)
    if (entry.program == program) return *entry.context;
  entries_.push_back({program, program->executable->on(*lane_)});
  return *entries_.back().context;
}

void LaneSlot::drop_evicted() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.program->evicted.load(); });
}

LanePool::LanePool(const Backend& backend, int limit, const LaneOptions& options,
                   const Backend* fallback)
    : backend_(backend), fallback_(fallback), limit_(limit), options_(options), free_(limit) {
  idle_.reserve(static_cast<size_t>(limit));
}

std::unique_ptr<Lane> LanePool::make_lane() const {
  return fallback_ ? make_lane_with_fallback(backend_, *fallback_, options_)
                   : backend_.make_lane(options_);
}

/// Takes a place. One that is given back goes to the first who waits, never to who comes later.
void LanePool::enter(std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
  if (free_ > 0) {
    --free_;
    return;
  }
  Waiter self;
  *end_ = &self;
  end_ = &self.next;
  const auto admitted = [&] { return self.admitted; };
  if (!deadline) {
    self.turn.wait(lock, admitted);
  } else if (!self.turn.wait_until(lock, *deadline, admitted)) {
    leave_queue(self);
    fail(ErrorCode::DeadlineExceeded, "session: no stream of {} was free before the deadline",
         limit_);
  }
}

void LanePool::leave_queue(Waiter& waiter) {
  Waiter** link = &first_;
  while (*link != &waiter) link = &(*link)->next;
  *link = waiter.next;
  if (end_ == &waiter.next) end_ = link;
}

void LanePool::leave(std::unique_ptr<LaneSlot> slot) noexcept {
  if (slot) slot->drop_evicted();
  const std::lock_guard lock(mutex_);
  if (slot) idle_.push_back(std::move(slot));
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

int LanePool::waiting() {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const Waiter* waiter = first_; waiter; waiter = waiter->next) ++count;
  return count;
}

int LanePool::num_lanes() {
  const std::lock_guard lock(mutex_);
  return made_;
}

void LanePool::drop_evicted() {
  const std::lock_guard lock(mutex_);
  for (const auto& slot : idle_) slot->drop_evicted();
}

/// The idle lane that worked for the stream last, else one that has worked for nobody; null where a
/// new one may be made; else the one that has been idle longest.
std::unique_ptr<LaneSlot> LanePool::take_idle(const void* stream) {
  const auto last_of = [&](const std::optional<const void*>& wanted) {
    return std::find_if(idle_.rbegin(), idle_.rend(),
                        [&](const auto& slot) { return slot->stream() == wanted; });
  };
  auto found = last_of(stream);
  if (found == idle_.rend()) found = last_of(std::nullopt);
  if (found == idle_.rend() && made_ < limit_) return nullptr;
  const auto taken = found == idle_.rend() ? idle_.begin() : found.base() - 1;
  std::unique_ptr<LaneSlot> slot = std::move(*taken);
  idle_.erase(taken);
  return slot;
}

LanePool::Lease::Lease(LanePool& pool, const Deadline& deadline, const void* stream) : pool_(pool) {
  {
    std::unique_lock lock(pool.mutex_);
    pool.enter(lock, deadline);
    slot_ = pool.take_idle(stream);
    if (!slot_) ++pool.made_;
  }
  try {
    if (!slot_) slot_ = std::make_unique<LaneSlot>(pool.make_lane());
  } catch (...) {
    {
      const std::lock_guard lock(pool.mutex_);
      --pool.made_;
    }
    pool.leave(nullptr);
    throw;
  }
}

LanePool::Lease::~Lease() { pool_.leave(std::move(slot_)); }

}  // namespace vitro
