#include "measure/interleave.h"

#include <gtest/gtest.h>

#include <string>

namespace vitro {
namespace {

/// Returns the given times in turn, for ever, and notes its calls.
TimedRun fake(std::string& calls, char name, std::vector<double> times) {
  return [&calls, name, times = std::move(times), next = size_t{0}]() mutable {
    calls.push_back(name);
    return times[next++ % times.size()];
  };
}

InterleaveOptions quiet_machine() {
  return {.warmup = 0, .rounds = 20, .duration = 0, .busy_elsewhere = [] { return 0.0; }};
}

TEST(Interleave, TakesTurnsAndAlternatesWhoIsFirst) {
  std::string calls;
  InterleaveOptions options = quiet_machine();
  options.warmup = 1;
  options.rounds = 4;
  const InterleavedResult result =
      interleaved(fake(calls, 'a', {100, 10}), fake(calls, 'b', {100, 5}), options);
  EXPECT_EQ(calls, "ababbaabba");
  EXPECT_EQ(result.rounds, 4);
}

TEST(Interleave, StableTimesGiveARatio) {
  std::string calls;
  const InterleavedResult result = interleaved(fake(calls, 'a', {30, 30.3, 30.1}),
                                               fake(calls, 'b', {20, 20.2}), quiet_machine());
  EXPECT_EQ(result.noisy, "");
  EXPECT_NEAR(result.ratio, 1.5, 0.02);
  EXPECT_LE(result.interval.low, result.ratio);
  EXPECT_GE(result.interval.high, result.ratio);
  EXPECT_LT(result.interval.high - result.interval.low, 0.05);
}

TEST(Interleave, DriftThatMeetsBothDoesNotMatter) {
  std::string calls;
  std::vector<double> a, b;
  for (int i = 0; i < 20; ++i) {
    a.push_back(20 + i);
    b.push_back(10 + 0.5 * i);
  }
  const InterleavedResult result =
      interleaved(fake(calls, 'a', a), fake(calls, 'b', b), quiet_machine());
  EXPECT_EQ(result.noisy, "");
  EXPECT_NEAR(result.interval.low, 2, 1e-9);
  EXPECT_NEAR(result.interval.high, 2, 1e-9);
}

TEST(Interleave, RefusesWideIntervals) {
  std::string calls;
  const InterleavedResult result = interleaved(fake(calls, 'a', {10, 20, 15, 30, 12, 40, 11}),
                                               fake(calls, 'b', {10, 10.1}), quiet_machine());
  EXPECT_NE(result.noisy.find("interval of the ratio is ±"), std::string::npos) << result.noisy;
}

TEST(Interleave, RefusesABusyMachine) {
  std::string calls;
  InterleaveOptions options = quiet_machine();
  options.busy_elsewhere = [] { return 0.23; };
  const InterleavedResult result =
      interleaved(fake(calls, 'a', {10}), fake(calls, 'b', {10}), options);
  EXPECT_EQ(result.noisy, "others used 23 % of the cores, more than 10 %");
}

TEST(Interleave, RefusesTooFewRounds) {
  std::string calls;
  InterleaveOptions options = quiet_machine();
  options.rounds = 5;
  EXPECT_EQ(interleaved(fake(calls, 'a', {10}), fake(calls, 'b', {10}), options).noisy,
            "5 rounds, a ratio needs at least 6");
}

TEST(Interleave, LastsAsLongAsAsked) {
  std::string calls;
  InterleaveOptions options = quiet_machine();
  options.rounds = 1;
  options.duration = 0.1;
  EXPECT_EQ(interleaved(fake(calls, 'a', {3}), fake(calls, 'b', {2}), options).rounds, 20);
}

}  // namespace
}  // namespace vitro
