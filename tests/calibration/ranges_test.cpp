#include "calibration/ranges.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

#include "core/temporary_directory.h"

namespace vitro::test {
namespace {

/// Section by section as TensorRT's calibrator is described: one candidate after the other, with
/// whole distributions.
size_t entropy_bins_by_definition(std::vector<uint64_t> h) {
  h[0] = h[1];
  double least = std::numeric_limits<double>::infinity();
  size_t best = 0;
  for (size_t i = 128; i <= h.size(); ++i) {
    std::vector<double> p(h.begin(), h.begin() + static_cast<std::ptrdiff_t>(i)), q(i);
    for (size_t j = i; j < h.size(); ++j) p[i - 1] += static_cast<double>(h[j]);
    for (size_t g = 0; g < 128; ++g) {
      double mass = 0, used = 0;
      for (size_t j = 0; j < i; ++j)
        if (j * 128 / i == g && h[j] > 0) {
          mass += static_cast<double>(h[j]);
          ++used;
        }
      for (size_t j = 0; j < i; ++j)
        if (j * 128 / i == g && h[j] > 0) q[j] = mass / used;
    }
    const double sum_p = std::accumulate(p.begin(), p.end(), 0.0);
    const double sum_q = std::accumulate(q.begin(), q.end(), 0.0);
    double divergence = 0;
    for (size_t j = 0; j < i; ++j)
      if (p[j] > 0)
        divergence += q[j] > 0 ? p[j] / sum_p * std::log((p[j] / sum_p) / (q[j] / sum_q))
                               : std::numeric_limits<double>::infinity();
    if (divergence <= least + 1e-12) {
      least = std::min(least, divergence);
      best = i;
    }
  }
  return best;
}

std::vector<uint64_t> random_histogram(size_t bins, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint64_t> counts(bins);
  const double decay = 1 + static_cast<double>(random() % 20);
  for (size_t i = 0; i < bins; ++i) {
    const double mean =
        5000 * std::exp(-decay * static_cast<double>(i) / static_cast<double>(bins));
    counts[i] = std::poisson_distribution<uint64_t>(mean)(random);
    if (random() % 50 == 0) counts[i] = 0;
  }
  counts.back() = 1;
  return counts;
}

TEST(Entropy, IsTheDefinition) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const std::vector<uint64_t> counts = random_histogram(300 + 40 * seed, seed);
    EXPECT_EQ(entropy_bins(counts), entropy_bins_by_definition(counts)) << "seed " << seed;
  }
}

/// A scale as TensorRT's caches have it.
std::string hex_of_scale(double threshold) {
  return fmt::format("{:08x}", std::bit_cast<uint32_t>(static_cast<float>(threshold / 127)));
}

// A published cache has "prob: 3c010a14" and "data: 3c008912": 2048 and 2040 bins of a range of 1.
TEST(Entropy, ThresholdsLieWherePublishedCachesHaveThem) {
  std::vector<uint64_t> prob(Histogram::kBins, 1);
  const Histogram flat = Histogram::of(1.0 / 2048, prob, {});
  EXPECT_EQ(entropy_bins(prob), 2048u);
  EXPECT_EQ(hex_of_scale(entropy_threshold(flat)), "3c010a14");
  EXPECT_DOUBLE_EQ(entropy_threshold(flat, Threshold::BinEdge), 1.0);

  // Nothing in the last eight bins but one value of a million.
  std::vector<uint64_t> data(Histogram::kBins, 1000);
  std::fill(data.end() - 8, data.end(), 0);
  data.back() = 1;
  const Histogram shorter = Histogram::of(1.0 / 2048, data, {});
  EXPECT_EQ(entropy_bins(data), 2040u);
  EXPECT_EQ(hex_of_scale(entropy_threshold(shorter)), "3c008912");
  EXPECT_DOUBLE_EQ(entropy_threshold(shorter, Threshold::BinEdge), 2040.0 / 2048);
}

TEST(Entropy, HasADefinedResultWithoutValues) {
  EXPECT_EQ(entropy_threshold(Histogram()), 0);
  EXPECT_EQ(entropy_bins(std::vector<uint64_t>(2048)), 2048u);
  EXPECT_EQ(entropy_bins(std::vector<uint64_t>(3, 1)), 3u);
}

TensorStatistics statistics_of(std::span<const float> values) {
  ThreadTeam team(1);
  TensorStatistics statistics(1);
  statistics.add(values, team);
  return statistics;
}

/// Evenly from 0 to 1, and some of `outlier`.
std::vector<float> even_values(float outlier, int outliers) {
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i) values.push_back(static_cast<float>(i % 1000) / 1000);
  for (int i = 0; i < outliers; ++i) values.push_back(outlier);
  return values;
}

TEST(Ranges, PercentileCutsTheRarestOnEitherSide) {
  const TensorStatistics statistics = statistics_of(even_values(-50, 4));
  EXPECT_EQ(minmax_range(statistics).low, -50);
  const Range range = percentile_range(statistics);
  EXPECT_NEAR(range.low, 0, 0.03);
  EXPECT_NEAR(range.high, 1, 0.03);
  EXPECT_EQ(percentile_range(statistics, 0.99999).low, -50) << "four are more than half of this";
  EXPECT_NEAR(clipped_share(statistics, range), 4.0 / 100004, 1e-9);
  EXPECT_EQ(clipped_share(statistics, minmax_range(statistics)), 0);
}

TEST(Ranges, MseGivesUpOutliersForFinerSteps) {
  const Range rare = mse_range(statistics_of(even_values(-50, 4)));
  EXPECT_LE(rare.low, -10) << "the square of what is clipped counts";
  const Range nearer = mse_range(statistics_of(even_values(1.3f, 1)));
  EXPECT_LT(nearer.high, 1.2);
  EXPECT_GE(nearer.high, 0.98);
  const Range even = mse_range(statistics_of(even_values(0, 1)));
  EXPECT_NEAR(even.high, 0.999, 0.011);
}

TEST(Ranges, ValuesAtTheEndOfTheRangeAreNotClipped) {
  std::vector<float> values(1000, -0.1701f);  // within a bin, which reaches below
  values.push_back(3);
  const TensorStatistics statistics = statistics_of(values);
  const Range range = percentile_range(statistics);
  EXPECT_EQ(range.low, static_cast<double>(-0.1701f));
  EXPECT_EQ(clipped_share(statistics, range), 0);
  EXPECT_NEAR(clipped_share(statistics, {-0.16, 3}), 1000.0 / 1001, 1e-9);
}

void expect_usable(const InputQuantization& codes) {
  for (size_t c = 0; c < codes.factor.size(); ++c) {
    EXPECT_TRUE(std::isnormal(codes.factor[c]) && codes.factor[c] > 0) << codes.factor[c];
    EXPECT_TRUE(std::isfinite(codes.offset[c])) << codes.offset[c];
  }
}

TEST(Ranges, CodesAreAlwaysDefined) {
  const double kHuge = 3.4e38;
  for (const Range& range : {Range{0, 0}, Range{5, 5}, Range{-5, -5}, Range{1000, 1000.0001},
                             Range{-kHuge, kHuge}, Range{0, 1e-45}, Range{-1e-40, 1e-38}})
    for (bool exact_zero : {false, true}) expect_usable(affine_codes(range, 2, exact_zero));
  for (double threshold : {0.0, 1e-45, kHuge, 1.0}) expect_usable(symmetric_codes(threshold, 1));
  for (const std::vector<float>& values :
       {std::vector<float>{}, std::vector<float>(5), std::vector<float>(5, 7.0f),
        std::vector<float>(5, std::nanf(""))}) {
    const TensorStatistics statistics = statistics_of(values);
    expect_usable(affine_codes(minmax_range(statistics), 1, false));
    expect_usable(affine_codes(percentile_range(statistics), 1, false));
    expect_usable(affine_codes(mse_range(statistics), 1, false));
    expect_usable(symmetric_codes(entropy_threshold(statistics.histogram()), 1));
    EXPECT_EQ(clipped_share(statistics, minmax_range(statistics)), 0);
  }
}

TEST(Codes, OfEightBitFloatsReachAsFarAsThoseOfBytes) {
  InputQuantization bytes = affine_codes({-1, 3}, 2, true);
  bytes.mean = {1, 2};
  const InputQuantization floats = float8_codes(bytes);
  EXPECT_TRUE(floats.offset.empty());
  EXPECT_EQ(floats.mean, bytes.mean);
  EXPECT_NEAR(floats.factor[0], 448 / 3.0, 1);
  EXPECT_EQ(floats.factor[0], floats.factor[1]);
  // Channels that smoothing made of one size: the widest decides for all.
  const InputQuantization smooth = float8_codes({{10, 1}, {128, 128}, {}});
  EXPECT_EQ(smooth.factor, (std::vector<float>{3.5f, 3.5f}));
}

TEST(Ranges, CodesCoverTheRange) {
  const InputQuantization codes = affine_codes({-0.17, 3}, 1, false);
  EXPECT_NEAR(std::fma(-0.17f, codes.factor[0], codes.offset[0]), 0, 1e-4);
  EXPECT_NEAR(std::fma(3.0f, codes.factor[0], codes.offset[0]), 255, 1e-4);
  const InputQuantization padded = affine_codes({-0.17, 3}, 1, true);
  EXPECT_EQ(padded.offset[0], std::nearbyint(padded.offset[0]));
  EXPECT_EQ(affine_codes({2, 3}, 1, true).offset[0], 0) << "zero is in the range";
  EXPECT_EQ(affine_codes({7, 7}, 1, false), affine_codes({0, 7}, 1, false));
  EXPECT_EQ(affine_codes({0, 0}, 1, false), affine_codes({-1, 1}, 1, false));
  EXPECT_EQ(symmetric_codes(2, 1).factor[0], 63.5f);
  EXPECT_EQ(symmetric_codes(2, 1).offset[0], 128);
}

TEST(Ranges, MethodsHaveNames) {
  for (CalibrationMethod method : kCalibrationMethods)
    EXPECT_EQ(calibration_method(to_string(method)), method);
  expect_error(ErrorCode::InvalidArgument, "'kl', expected one of minmax, entropy",
               [] { calibration_method("kl"); });
}

}  // namespace
}  // namespace vitro::test
