#include "runtime/lane_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/host_lane.h"
#include "core/temporary_directory.h"

namespace vitro {
namespace {

TEST(LanePool, NeverMoreHoldersThanPlaces) {
  LanePool pool(find_backend("cpu"), 3, {1});
  std::atomic<int> holders{0}, too_many{0}, leases{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        LanePool::Lease lease(pool);
        too_many += ++holders > 3;
        ++leases;
        --holders;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_EQ(leases, 2000);
}

TEST(LanePool, WhoComesFirstIsServedFirst) {
  LanePool pool(find_backend("cpu"), 1, {1});
  std::vector<int> served;  // guarded by the only lane
  std::vector<std::jthread> threads;
  {
    LanePool::Lease lease(pool);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        LanePool::Lease own(pool);
        served.push_back(t);
      });
      while (pool.waiting() != t + 1) std::this_thread::yield();
    }
  }
  threads.clear();
  EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(pool.waiting(), 0);
}

TEST(LanePool, LanesAreUsedAgain) {
  LanePool pool(find_backend("cpu"), 2, {2});
  const Lane* first = nullptr;
  {
    LanePool::Lease lease(pool);
    first = &lease.slot().lane();
    LanePool::Lease other(pool);
    EXPECT_NE(&other.slot().lane(), first);
    EXPECT_EQ(static_cast<HostLane&>(other.slot().lane()).team().size(), 2);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(&LanePool::Lease(pool).slot().lane(), first);
}

// Work on another stream would wait for that of the first one, whose lane it had.
TEST(LanePool, AStreamKeepsItsLaneAndAnotherOneGetsAnother) {
  LanePool pool(find_backend("cpu"), 3, {1});
  const int streams[4] = {};
  const auto lane_of = [&](const void* stream) {
    LanePool::Lease lease(pool, {}, stream);
    lease.slot().work_for(stream);
    return &lease.slot().lane();
  };
  const Lane* const prepared = &LanePool::Lease(pool).slot().lane();
  const Lane* const first = lane_of(&streams[0]);
  const Lane* const second = lane_of(&streams[1]);
  const Lane* const own = lane_of(nullptr);
  EXPECT_EQ(first, prepared);
  EXPECT_NE(first, second);
  EXPECT_NE(first, own);
  EXPECT_NE(second, own);
  EXPECT_EQ(lane_of(&streams[1]), second);
  EXPECT_EQ(lane_of(&streams[0]), first);
  EXPECT_EQ(lane_of(nullptr), own);
  // No more are made: the one that is idle for longest changes hands.
  EXPECT_EQ(lane_of(&streams[2]), second);
  EXPECT_EQ(lane_of(&streams[3]), first);
  EXPECT_EQ(lane_of(&streams[2]), second);
  EXPECT_EQ(pool.num_lanes(), 3);
}

TEST(LanePool, NobodyWaitsBeyondADeadline) {
  LanePool pool(find_backend("cpu"), 1, {1});
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::milliseconds(20); };
  std::jthread patient;
  {
    LanePool::Lease lease(pool, soon());
    for (int i = 0; i < 2; ++i)
      test::expect_error(ErrorCode::DeadlineExceeded, "no stream of 1 was free before the deadline",
                         [&] { LanePool::Lease late(pool, soon()); });
    EXPECT_EQ(pool.waiting(), 0);
    // Who gave up is not in the way of who comes after.
    patient = std::jthread([&] { LanePool::Lease own(pool); });
    while (pool.waiting() != 1) std::this_thread::yield();
    test::expect_error(ErrorCode::DeadlineExceeded, "no stream",
                       [&] { LanePool::Lease late(pool, soon()); });
    EXPECT_EQ(pool.waiting(), 1);
  }
  patient.join();
  EXPECT_EQ(pool.waiting(), 0);
}

// Without that the second attempt would wait for ever.
TEST(LanePool, ALaneThatCannotBeMadeFreesItsPlace) {
  LanePool pool(find_backend("cpu"), 1, {0});
  for (int i = 0; i < 2; ++i)
    test::expect_error(ErrorCode::InvalidArgument, "team of 0",
                       [&] { LanePool::Lease lease(pool); });
}

}  // namespace
}  // namespace vitro
