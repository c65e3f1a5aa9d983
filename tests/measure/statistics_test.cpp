#include "measure/statistics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace vitro {
namespace {

TEST(Statistics, PercentilesInterpolateAsNumpy) {
  const Summary summary = summarize({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(summary.median, 3);
  EXPECT_DOUBLE_EQ(summary.p90, 4.6);
  EXPECT_DOUBLE_EQ(summary.p99, 4.96);
  EXPECT_DOUBLE_EQ(summary.min, 1);
  EXPECT_DOUBLE_EQ(summary.mean, 3);
  EXPECT_DOUBLE_EQ(summary.stddev, std::sqrt(2.5));
}

TEST(Statistics, OneMeasurementHasNoSpread) {
  const Summary summary = summarize({7});
  EXPECT_DOUBLE_EQ(summary.p99, 7);
  EXPECT_DOUBLE_EQ(summary.stddev, 0);
}

TEST(PairedDifference, IsThatOfMatchedPairs) {
  const PairedDifference some = paired_difference(12, 5, 200);
  EXPECT_DOUBLE_EQ(some.value, 0.035);
  // (12.5 - 5.5) / 202 -+ 1.96 sqrt(18 - 7^2 / 202) / 202
  EXPECT_NEAR(some.interval.low, -0.006235, 1e-6);
  EXPECT_NEAR(some.interval.high, 0.075541, 1e-6);
  const PairedDifference none = paired_difference(0, 0, 2000);
  EXPECT_EQ(none.value, 0);
  EXPECT_LT(none.interval.low, 0) << "2,000 equal images do not prove that all are";
  EXPECT_EQ(paired_difference(0, 0, 0).interval.high, 1);
  const PairedDifference points = paired_points(12, 5, 200);
  EXPECT_DOUBLE_EQ(points.value, 100 * some.value);
  EXPECT_DOUBLE_EQ(points.interval.low, 100 * some.interval.low);
  EXPECT_TRUE(is_at_most(paired_points(6, 0, 2000), 0.3)) << "6 of 2,000 are 0.3 points";
  EXPECT_FALSE(is_at_most(paired_points(7, 0, 2000), 0.3));
  EXPECT_TRUE(is_at_most(paired_points(5, 5, 2000), 0));
  EXPECT_TRUE(is_at_most(paired_points(0, 5, 2000), 0)) << "better than the other";
}

// The expected digits are those of statsmodels' proportion_confint(..., method="wilson").
TEST(Statistics, WilsonInterval) {
  const Interval middle = wilson_interval(142, 200);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", middle.low, middle.high), "0.6436 0.7685");
  const Interval none = wilson_interval(0, 10);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", none.low, none.high), "0.0000 0.2775");
  const Interval all = wilson_interval(10, 10);
  EXPECT_EQ(fmt::format("{:.4f} {:.4f}", all.low, all.high), "0.7225 1.0000");
  EXPECT_DOUBLE_EQ(wilson_interval(0, 0).high, 1);
}

// The expected digits are those of numpy, with all 5^5 resamples of the five pairs instead of 2000.
TEST(Statistics, BootstrapIntervalOfTheRatioOfMedians) {
  const std::vector<double> a{10, 11, 12, 13, 14}, b{5, 5, 5, 5, 5};
  const Interval interval = median_ratio_interval(a, b);
  EXPECT_DOUBLE_EQ(interval.low, 2.0);
  EXPECT_DOUBLE_EQ(interval.high, 2.8);
  const Interval again = median_ratio_interval(a, b);
  EXPECT_EQ(interval.low, again.low);
  const std::vector<double> one{3};
  EXPECT_DOUBLE_EQ(median_ratio_interval(one, one).low, 1);
}

}  // namespace
}  // namespace vitro
