#include "calibration/output_mse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace vitro::test {
namespace {

void multiply_rows(std::span<const float> a, std::span<const float> b, size_t depth,
                   std::span<float> c) {
  const size_t rows = a.size() / depth, columns = b.size() / depth;
  for (size_t m = 0; m < rows; ++m)
    for (size_t n = 0; n < columns; ++n) {
      double sum = 0;
      for (size_t k = 0; k < depth; ++k)
        sum += static_cast<double>(a[m * depth + k]) * static_cast<double>(b[n * depth + k]);
      c[m * columns + n] = static_cast<float>(sum);
    }
}

/// A product of `channels` inputs, the first `wide` of which are `times` as wide as the others.
struct Case {
  std::vector<float> rows, weights;
  size_t depth;
  std::vector<TensorStatistics::Channel> channels;

  Case(size_t channels_count, size_t wide, float times, uint32_t seed) : depth(channels_count) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> even(-1, 1);
    for (size_t i = 0; i < 128 * depth; ++i)
      rows.push_back(even(random) * (i % depth < wide ? times : 1));
    for (size_t i = 0; i < 96 * depth; ++i) weights.push_back(even(random));
    measure();
  }

  void measure() {
    ThreadTeam team(1);
    TensorStatistics statistics(static_cast<int64_t>(depth));
    statistics.add(rows, team);
    channels = statistics.channels();
  }

  OutputChoice choose(bool exact_zero = false) const {
    return choose_by_output({rows, weights, depth, exact_zero}, channels, {-1, 1}, multiply_rows);
  }
};

TEST(OutputMse, AlikeChannelsAreNotSmoothed) {
  const OutputChoice choice = Case(64, 0, 1, 1).choose();
  EXPECT_EQ(choice.alpha, 0);
  EXPECT_LE(choice.nmse, choice.minmax_nmse);
  EXPECT_GT(choice.nmse, 1e-6);
  EXPECT_LT(choice.nmse, 3e-4);
}

TEST(OutputMse, ChannelsOfOtherWidthsAre) {
  const Case wide(32, 2, 60, 2);
  const OutputChoice choice = wide.choose();
  EXPECT_GT(choice.alpha, 0);
  EXPECT_LT(choice.codes.factor[0], choice.codes.factor[31]);
  EXPECT_LT(choice.nmse, 0.95 * choice.minmax_nmse);
}

/// What equalisation across layers does to a linear chain: rows of the product before are
/// multiplied by factors, columns of this one divided.
TEST(OutputMse, SmoothingGivesTheSameHoweverAChainIsEqualised) {
  Case chain(32, 2, 60, 2);
  const OutputChoice choice = chain.choose();
  ASSERT_GT(choice.alpha, 0);
  for (size_t i = 0; i < chain.rows.size(); ++i)
    chain.rows[i] = std::ldexp(chain.rows[i], static_cast<int>(i % 32 % 4));
  for (size_t i = 0; i < chain.weights.size(); ++i)
    chain.weights[i] = std::ldexp(chain.weights[i], -static_cast<int>(i % 32 % 4));
  chain.measure();
  const OutputChoice equalised = chain.choose();
  EXPECT_EQ(equalised.alpha, choice.alpha);
  EXPECT_NEAR(equalised.nmse, choice.nmse, 1e-3 * choice.nmse);
}

TEST(OutputMse, OtherMethodsAreSmoothedWhereThatHelps) {
  const auto smoothed = [](const Case& sample) {
    const auto codes_of = [&](std::span<const float>, const Range& whole) {
      return affine_codes(whole, sample.depth, false);
    };
    TensorStatistics statistics(static_cast<int64_t>(sample.depth));
    ThreadTeam team(1);
    statistics.add(sample.rows, team);
    return smooth_by_output({sample.rows, sample.weights, sample.depth, false}, sample.channels,
                            affine_codes(minmax_range(statistics), sample.depth, false), codes_of,
                            multiply_rows);
  };
  const Case wide(32, 2, 60, 2);
  const OutputChoice choice = smoothed(wide);
  EXPECT_GT(choice.alpha, 0);
  EXPECT_LT(choice.nmse, 0.95 * wide.choose().minmax_nmse);
  const Case alike(64, 0, 1, 1);
  EXPECT_EQ(smoothed(alike).alpha, 0);
  EXPECT_EQ(smoothed(alike).nmse, alike.choose().minmax_nmse);
}

TEST(OutputMse, RareOutliersOfUnimportantChannelsAreClipped) {
  Case sample(32, 0, 1, 3);
  sample.rows[5] = 40;
  for (size_t i = 5; i < sample.weights.size(); i += 32) sample.weights[i] = 1e-4f;
  sample.measure();
  const OutputChoice choice = sample.choose();
  EXPECT_LT(choice.nmse, 0.5 * choice.minmax_nmse);
}

TEST(OutputMse, DefinedForDegenerateProducts) {
  for (int kind = 0; kind < 5; ++kind) {
    Case sample(8, 0, 1, 4);
    if (kind == 0) std::fill(sample.rows.begin(), sample.rows.end(), 0.0f);
    if (kind == 1) std::fill(sample.rows.begin(), sample.rows.end(), 3.0f);
    if (kind == 2) std::fill(sample.weights.begin(), sample.weights.end(), 0.0f);
    if (kind == 3) sample.rows.resize(8);
    if (kind == 4)
      for (size_t i = 2; i < sample.rows.size(); i += 8) sample.rows[i] = 0;
    sample.measure();
    const OutputChoice choice = sample.choose();
    for (float factor : choice.codes.factor) EXPECT_TRUE(std::isnormal(factor) && factor > 0);
    for (float offset : choice.codes.offset) EXPECT_TRUE(std::isfinite(offset));
    EXPECT_TRUE(std::isfinite(choice.nmse)) << kind;
  }
}

TEST(OutputMse, PaddedConvolutionsHaveACodeForZero) {
  // Two taps of four channels.
  Case sample(8, 1, 30, 5);
  ThreadTeam team(1);
  TensorStatistics statistics(4);
  statistics.add(sample.rows, team);
  const std::vector<TensorStatistics::Channel> channels = statistics.channels();
  const OutputChoice choice =
      choose_by_output({sample.rows, sample.weights, 8, true}, channels, {-2, 2}, multiply_rows);
  ASSERT_EQ(choice.codes.offset.size(), 4u);
  for (float offset : choice.codes.offset) EXPECT_EQ(offset, std::nearbyint(offset));
}

TEST(OutputMse, WeightsRoundTo127Steps) {
  const std::vector<float> weights{1.27f, 0.512f, -0.005f, 0, 0, 0};
  const std::vector<float> factors{1};
  const std::vector<float> rounded = rounded_weights(weights, 3, factors);
  EXPECT_NEAR(rounded[1], 0.51f, 1e-6);
  EXPECT_NEAR(rounded[2], 0, 0.0101);
  EXPECT_EQ(rounded[4], 0);
}

}  // namespace
}  // namespace vitro::test
