#include "runtime/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

constexpr int kIdle = Timeline::kIdle;

StepInfo step_of(size_t sections) {
  StepInfo step{};
  step.source = "block";
  for (size_t i = 0; i < sections; ++i)
    step.sections.push_back(
        {"block." + std::to_string(i), "op", std::to_string(i), 0, 0, false, false});
  return step;
}

constexpr int64_t kMs = 1'000'000;

TEST(Attribute, SharesEachInstantAmongTheSectionsAtWork) {
  const std::vector<StepInfo> steps{step_of(2)};
  // Thread 0: section 0 for 4 ms, section 1 for 2 ms. Thread 1: section 0 from 1 to 3 ms. Then 1 ms
  // in which nobody works.
  const RunTrace trace{
      0,
      8 * kMs,
      {{0, 7 * kMs}},
      {{{0, 0, 0}, {4 * kMs, 0, 1}, {6 * kMs, 0, kIdle}}, {{1 * kMs, 0, 0}, {3 * kMs, 0, kIdle}}}};
  const auto times = attribute(trace, steps);
  ASSERT_EQ(times.size(), 1u);
  ASSERT_EQ(times[0].size(), 2u);
  // The idle millisecond is split 4 : 2.
  EXPECT_NEAR(times[0][0].ms, 4 + 4.0 / 6, 1e-9);
  EXPECT_NEAR(times[0][1].ms, 2 + 2.0 / 6, 1e-9);
  // One of two threads waits for 2 of the 4 ms, and for all of the 2 ms.
  EXPECT_NEAR(times[0][0].waiting_ms, 1 + 4.0 / 6, 1e-9);
  EXPECT_NEAR(times[0][1].waiting_ms, 1 + 2.0 / 6, 1e-9);
}

TEST(Attribute, TwoSectionsAtOnceGetHalfEach) {
  const std::vector<StepInfo> steps{step_of(2)};
  const RunTrace trace{
      0, kMs, {{0, kMs}}, {{{0, 0, 0}, {kMs, 0, kIdle}}, {{0, 0, 1}, {kMs, 0, kIdle}}}};
  const auto times = attribute(trace, steps);
  EXPECT_NEAR(times[0][0].ms, 0.5, 1e-9);
  EXPECT_NEAR(times[0][1].ms, 0.5, 1e-9);
  EXPECT_NEAR(times[0][0].waiting_ms, 0, 1e-9);
}

TEST(Attribute, AStepWithoutMarksRanOnTheCaller) {
  const std::vector<StepInfo> steps{step_of(1), step_of(1)};
  const RunTrace trace{
      0, 3 * kMs, {{0, 2 * kMs}, {2 * kMs, 3 * kMs}}, {{{2 * kMs, 1, 0}, {3 * kMs, 1, kIdle}}, {}}};
  const auto times = attribute(trace, steps);
  EXPECT_NEAR(times[0][0].ms, 2, 1e-9);
  EXPECT_NEAR(times[0][0].waiting_ms, 1, 1e-9) << "one of two threads";
  EXPECT_NEAR(times[1][0].ms, 1, 1e-9);
}

/// A profile of a small network with every kind of block.
const Profile& small_profile() {
  static const Profile result = [] {
    const Session session(test::small_plan(), {"cpu", 2});
    return profile(session, std::vector{test::random_images({1, 3, 16, 16})},
                   {.runs = 5, .progress = {}});
  }();
  return result;
}

TEST(Profile, SectionsAddUpToTheRun) {
  const Profile& profile = small_profile();
  EXPECT_EQ(profile.runs, 5);
  double ms = profile.between_ms;
  for (const SectionProfile& section : profile.sections) {
    ms += section.time.ms;
    EXPECT_GE(section.time.waiting_ms, 0);
    EXPECT_LE(section.time.waiting_ms, section.time.ms);
  }
  EXPECT_NEAR(ms, profile.ms, 1e-9 * profile.ms);
  EXPECT_GE(profile.between_ms, 0);
  EXPECT_GT(profile.median_ms, 0);
  EXPECT_LE(profile.overhead_low, profile.overhead);
  EXPECT_LE(profile.overhead, profile.overhead_high);
}

TEST(Profile, EachStepOfARunIsSplitExactly) {
  const Profile& profile = small_profile();
  const auto times = attribute(profile.trace, profile.program->steps());
  ASSERT_EQ(times.size(), profile.trace.steps.size());
  for (size_t s = 0; s < times.size(); ++s) {
    const double wall =
        static_cast<double>(profile.trace.steps[s].end_ns - profile.trace.steps[s].begin_ns) * 1e-6;
    const double sum = std::accumulate(times[s].begin(), times[s].end(), 0.0,
                                       [](double t, const SectionTime& x) { return t + x.ms; });
    EXPECT_NEAR(sum, wall, 1e-9) << profile.program->steps()[s].source;
  }
}

TEST(Profile, ProgressCountsToTheEnd) {
  const Session session(test::small_plan(), {"cpu", 1});
  std::vector<int64_t> seen;
  const auto progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 3);
    seen.push_back(done);
  };
  profile(session, std::vector{test::random_images({1, 3, 8, 8})},
          {.runs = 3, .progress = progress});
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2, 3}));
}

TEST(Sections, WorkAndTrafficAreThoseOfTheOp) {
  const Session session(test::small_plan(), {"cpu", 2});
  const auto program = Internals::engine(session).program(Dims{2, 3, 16, 16});
  size_t fused = 0;
  for (const StepInfo& step : program->steps()) {
    double flops = 0;
    size_t bytes = 0;
    for (const SectionInfo& section : step.sections) {
      flops += section.flops;
      bytes += section.bytes;
    }
    EXPECT_DOUBLE_EQ(flops, step.flops) << step.source;
    EXPECT_EQ(bytes, step.weight_bytes + step.input_bytes + step.output_bytes) << step.source;
    fused += step.sections.size() > 1;
  }
  EXPECT_GE(fused, 3u) << "mlp, local_mixer and attention_block have sections";
}

TEST(ArenaBuffers, FillTheArenaWithoutOverlap) {
  const Session session(test::small_plan(), {"cpu", 2});
  const auto program = Internals::engine(session).program(Dims{1, 3, 16, 16});
  size_t end = 0;
  const auto buffers = program->arena_buffers();
  for (const ArenaBuffer& a : buffers) {
    end = std::max(end, a.offset + a.bytes);
    EXPECT_LE(a.first_step, a.last_step);
    EXPECT_LT(a.last_step, program->steps().size());
    for (const ArenaBuffer& b : buffers) {
      const bool at_once = a.first_step <= b.last_step && b.first_step <= a.last_step;
      const bool same_place = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_TRUE(&a == &b || !at_once || !same_place) << a.source << " and " << b.source;
    }
  }
  EXPECT_LE(end, program->memory().arena);
  EXPECT_GT(end + 64, program->memory().arena);
}

}  // namespace
}  // namespace vitro
