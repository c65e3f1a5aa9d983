#include "core/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <system_error>

#include "core/check.h"
#include "core/control_groups.h"

namespace vitro {
namespace {

// Longer than the serial stretches of a model, shorter than anyone else would notice.
constexpr std::chrono::microseconds kSpinTime{200};
constexpr int kSpinsPerLook = 64;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Spins until done() or until kSpinTime has passed; returns whether it is done.
template <typename Done>
bool spin_until(const Done& done) {
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kSpinsPerLook; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

}  // namespace

int available_cores(const std::filesystem::path& root) {
  const cpu_set_t set = current_cores();
  int cores = CPU_COUNT(&set);
  if (cores == 0) cores = static_cast<int>(std::thread::hardware_concurrency());
  if (const auto quota = group_cpu_quota(root); quota && *quota < cores)
    cores = static_cast<int>(std::ceil(*quota));
  return std::max(1, cores);
}

cpu_set_t current_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  sched_getaffinity(0, sizeof cores, &cores);
  return cores;
}

ThreadTeam::ThreadTeam(int size, const cpu_set_t& cores) : size_(size), cores_(cores) {
  check(size >= 1, ErrorCode::InvalidArgument, "thread team of {}, expected at least 1", size);
  ranges_ = std::make_unique<Range[]>(static_cast<size_t>(size));
  workers_.reserve(static_cast<size_t>(size) - 1);
  try {
    for (int thread = 1; thread < size; ++thread)
      workers_.emplace_back([this, thread] { worker(thread); });
  } catch (const std::system_error& error) {
    stop_workers();
    fail(ErrorCode::DeviceError, "cannot start {} threads: {}", size, error.what());
  } catch (...) {
    stop_workers();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { stop_workers(); }

void ThreadTeam::stop_workers() {
  stop_ = true;
  epoch_.fetch_add(2);  // stays even: a worker that looks now finds no open loop
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::run(int64_t count, const void* context, Call call) {
  call_ = call;
  context_ = context;
  for (int thread = 0; thread < size_; ++thread) {
    Range& range = ranges_[static_cast<size_t>(thread)];
    range.next.store(count * thread / size_, std::memory_order_relaxed);
    range.end = count * (thread + 1) / size_;
  }
  caller_core_.store(sched_getcpu(), std::memory_order_relaxed);
  epoch_.fetch_add(1);
  if (sleepers_.load() > 0) epoch_.notify_all();
  work(0);
  epoch_.fetch_add(1);
  const auto idle = [this] { return active_.load() == 0; };
  while (!spin_until(idle)) std::this_thread::yield();
}

/// Empties the thread's own range, then helps the others with theirs.
void ThreadTeam::work(int thread) {
  if (timeline_) timeline_->begin_loop(thread);
  for (int i = 0; i < size_; ++i) {
    Range& range = ranges_[static_cast<size_t>((thread + i) % size_)];
    while (range.next.load(std::memory_order_relaxed) < range.end) {
      const int64_t index = range.next.fetch_add(1, std::memory_order_relaxed);
      if (index < range.end) call_(context_, index, thread);
    }
  }
  if (timeline_) timeline_->end_loop(thread);
}

// The scheduler likes to wake a worker on the core of the thread that woke it, and on a busy
// machine leaves it there: the two would take turns instead of working at the same time.
void ThreadTeam::leave_core_of_caller() const {
  const int core = caller_core_.load(std::memory_order_relaxed);
  if (core < 0 || core != sched_getcpu()) return;
  cpu_set_t cores = cores_;
  CPU_CLR(core, &cores);
  if (CPU_COUNT(&cores) > 0) sched_setaffinity(0, sizeof cores, &cores);
}

uint32_t ThreadTeam::await_loop(uint32_t seen) {
  uint32_t epoch = 0;
  const auto changed = [&] {
    epoch = epoch_.load();
    return stop_.load() || (epoch % 2 == 1 && epoch != seen);
  };
  leave_core_of_caller();
  while (!spin_until(changed)) {
    sleepers_.fetch_add(1);
    if (!changed()) epoch_.wait(epoch);
    sleepers_.fetch_sub(1);
    leave_core_of_caller();
  }
  return stop_.load() ? 0 : epoch;
}

void ThreadTeam::worker(int thread) {
  // A new thread inherits the mask of the one that started it, which may be pinned to one core.
  if (CPU_COUNT(&cores_) > 0) sched_setaffinity(0, sizeof cores_, &cores_);
  uint32_t seen = 0;
  while ((seen = await_loop(seen)) != 0) {
    active_.fetch_add(1);
    if (epoch_.load() == seen) work(thread);
    active_.fetch_sub(1);
  }
}

}  // namespace vitro
