#include "core/thread_team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

TEST(ThreadTeam, CallsEveryIndexOnceWithAThreadOfItsOwn) {
  for (int size : {1, 2, 3, 8}) {
    ThreadTeam team(size);
    for (int64_t count : {0, 1, 2, 7, 100}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      std::vector<std::atomic<int>> busy(static_cast<size_t>(size));
      std::atomic<int> shared{0};
      team.parallel_for(count, [&](int64_t index, int thread) {
        auto& mine = busy.at(static_cast<size_t>(thread));
        shared += mine.fetch_add(1) != 0;
        ++calls.at(static_cast<size_t>(index));
        --mine;
      });
      for (const auto& call : calls) EXPECT_EQ(call, 1) << size << " threads, " << count;
      EXPECT_EQ(shared, 0) << "two bodies ran as the same thread at once";
    }
  }
}

TEST(ThreadTeam, ManyShortLoopsInARow) {
  ThreadTeam team(3);
  std::vector<int64_t> sums(3);
  constexpr int kLoops = 20000;
  for (int loop = 0; loop < kLoops; ++loop)
    team.parallel_for(
        6, [&](int64_t index, int thread) { sums[static_cast<size_t>(thread)] += index; });
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), int64_t{0}), int64_t{15} * kLoops);
}

TEST(ThreadTeam, WorkersWakeAfterTheyWentToSleep) {
  ThreadTeam team(2);
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> calls{0};
    team.parallel_for(10, [&](int64_t, int) { ++calls; });
    EXPECT_EQ(calls, 10);
  }
}

// Both bodies wait for each other: that ends only when two threads take part.
TEST(ThreadTeam, ReallyRunsInParallel) {
  ThreadTeam team(2);
  std::atomic<int> arrived{0};
  team.parallel_for(2, [&](int64_t, int) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadTeam, CoresFollowTheAffinityMask) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(available_cores(), 1);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(ThreadTeam, WorkersAreNotConfinedToTheCoreOfAPinnedCaller) {
  const cpu_set_t all = current_cores();
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "one core";
  cpu_set_t one;
  CPU_ZERO(&one);
  const int core = sched_getcpu();
  CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  ThreadTeam team(2, all);
  std::atomic<int> arrived{0};
  cpu_set_t used[2];
  team.parallel_for(2, [&](int64_t, int thread) {
    used[thread] = current_cores();
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(CPU_COUNT(&used[0]), 1);
  CPU_CLR(core, &used[1]);
  EXPECT_GE(CPU_COUNT(&used[1]), 1);
}

TEST(ThreadTeam, RefusesAnEmptyTeam) {
  test::expect_error(ErrorCode::InvalidArgument, "team of 0", [] { ThreadTeam team(0); });
  test::expect_error(ErrorCode::InvalidArgument, "team of -1", [] { ThreadTeam team(-1); });
}

}  // namespace
}  // namespace vitro
