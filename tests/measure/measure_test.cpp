#include "measure/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace vitro {
namespace {

TEST(Measure, CountsTheRunsOfAllStreams) {
  for (int streams : {1, 3}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(streams));
    const Measurement result =
        measure(streams, [&](int stream) { ++calls[static_cast<size_t>(stream)]; },
                {.warmup = 2, .iterations = 12, .duration = 0});
    EXPECT_EQ(result.runs.size(), 12u);
    int total = 0;
    for (const auto& count : calls) total += count;
    EXPECT_EQ(total, 12 + 2 * streams);
    for (const RunSpan& run : result.runs) EXPECT_LE(run.begin, run.end);
    EXPECT_TRUE(std::is_sorted(result.runs.begin(), result.runs.end(),
                               [](auto& a, auto& b) { return a.begin < b.begin; }));
    EXPECT_GT(result.seconds, 0);
  }
}

TEST(Measure, AnExceptionOfOneStreamEndsAll) {
  for (const int when : {0, 5}) {  // while warming up, while timed
    std::atomic<int> calls{0};
    const auto run = [&](int stream) {
      if (calls++ >= when && stream == 1) throw std::runtime_error("stream 1");
    };
    EXPECT_THROW(measure(2, run, {.warmup = 1, .iterations = 1, .duration = 60}),
                 std::runtime_error);
  }
}

}  // namespace
}  // namespace vitro
