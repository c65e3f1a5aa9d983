#include "runtime/team_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

TEST(TeamPool, NeverMoreHoldersThanPlaces) {
  TeamPool pool(3, 1, current_cores());
  std::atomic<int> holders{0}, too_many{0}, leases{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        TeamPool::Lease lease(pool);
        too_many += ++holders > 3;
        lease.team().parallel_for(1, [&](int64_t, int) { ++leases; });
        --holders;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_EQ(leases, 2000);
}

TEST(TeamPool, WhoComesFirstIsServedFirst) {
  TeamPool pool(1, 1, current_cores());
  std::vector<int> served;  // guarded by the only team
  std::vector<std::jthread> threads;
  {
    TeamPool::Lease lease(pool);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        TeamPool::Lease own(pool);
        served.push_back(t);
      });
      while (pool.waiting() != t + 1) std::this_thread::yield();
    }
  }
  threads.clear();
  EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(pool.waiting(), 0);
}

TEST(TeamPool, TeamsAreUsedAgain) {
  TeamPool pool(2, 2, current_cores());
  const ThreadTeam* first = nullptr;
  {
    TeamPool::Lease lease(pool);
    first = &lease.team();
    TeamPool::Lease other(pool);
    EXPECT_NE(&other.team(), first);
    EXPECT_EQ(other.team().size(), 2);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(&TeamPool::Lease(pool).team(), first);
}

// Without that the second attempt would wait for ever.
TEST(TeamPool, ATeamThatCannotBeMadeFreesItsPlace) {
  TeamPool pool(1, 0, current_cores());
  for (int i = 0; i < 2; ++i)
    test::expect_error(ErrorCode::InvalidArgument, "team of 0",
                       [&] { TeamPool::Lease lease(pool); });
}

}  // namespace
}  // namespace vitro
