#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "calibration/row_reservoir.h"
#include "calibration/state.h"
#include "calibration/tensor_statistics.h"

namespace vitro::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> normal_values(size_t count, uint32_t seed, double scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(normal(random));
  return values;
}

TensorStatistics statistics_of(std::span<const float> values, int64_t channels, int threads = 1) {
  ThreadTeam team(threads);
  TensorStatistics statistics(channels);
  statistics.add(values, team);
  return statistics;
}

TEST(TensorStatistics, ChannelsHaveExtremesAndMoments) {
  const std::vector<float> values = normal_values(1000 * 3, 1);
  const auto channels = statistics_of(values, 3).channels();
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0, squares = 0;
    float low = kInfinity, high = -kInfinity;
    for (size_t i = c; i < values.size(); i += 3) {
      sum += static_cast<double>(values[i]);
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    EXPECT_EQ(channels[c].min, low);
    EXPECT_EQ(channels[c].max, high);
    EXPECT_NEAR(channels[c].mean, sum / 1000, 1e-6);
    EXPECT_NEAR(channels[c].mean_square, squares / 1000, 1e-6);
  }
}

TEST(TensorStatistics, ThreadsDoNotMatter) {
  const std::vector<float> values = normal_values(777 * 5, 2);
  const TensorStatistics one = statistics_of(values, 5, 1), three = statistics_of(values, 5, 3);
  EXPECT_EQ(one.channels(), three.channels());
  EXPECT_EQ(one.histogram().positive(), three.histogram().positive());
  EXPECT_EQ(one.histogram().negative(), three.histogram().negative());
}

TEST(TensorStatistics, WhatIsNotFiniteIsCountedAndLeftOut) {
  const std::vector<float> values{1, kNaN, -2, kInfinity, 3, 5};
  const TensorStatistics statistics = statistics_of(values, 2);
  EXPECT_EQ(statistics.not_finite(), 2);
  EXPECT_EQ(statistics.rows(), 3);
  const auto channels = statistics.channels();
  EXPECT_EQ(channels[0], (TensorStatistics::Channel{-2, 3, 2.0 / 3, 14.0 / 3}));
  EXPECT_EQ(channels[1], (TensorStatistics::Channel{5, 5, 5, 25}));
  EXPECT_EQ(statistics.histogram().total(), 4u);

  const TensorStatistics nothing = statistics_of(std::vector<float>(4, kNaN), 2);
  EXPECT_EQ(nothing.channels()[1], TensorStatistics::Channel{});
  EXPECT_EQ(nothing.min(), 0);
  EXPECT_EQ(nothing.max(), 0);
}

TEST(TensorStatistics, HugeValuesGiveFiniteMoments) {
  const TensorStatistics statistics = statistics_of(std::vector<float>(64, 3e38f), 1);
  EXPECT_TRUE(std::isfinite(statistics.channels()[0].mean));
  EXPECT_TRUE(std::isfinite(statistics.channels()[0].mean_square));
}

TEST(Histogram, TheFirstBatchSetsTheWidthAndLaterOnesAppendBins) {
  ThreadTeam team(2);
  TensorStatistics statistics(1);
  statistics.add(std::vector<float>{2.048f, -1.0f, 0.0f}, team);
  const Histogram& histogram = statistics.histogram();
  EXPECT_EQ(histogram.num_bins(), Histogram::kBins);
  EXPECT_NEAR(histogram.width(), 0.001, 1e-9);
  EXPECT_EQ(histogram.positive()[Histogram::kBins - 1], 1u) << "the last bin has its end";
  EXPECT_EQ(histogram.negative()[1000] + histogram.negative()[999], 1u);
  EXPECT_EQ(histogram.positive()[0], 1u);

  statistics.add(std::vector<float>{-3.0005f, 0.5005f}, team);
  EXPECT_EQ(histogram.num_bins(), 3001u);
  EXPECT_NEAR(histogram.width(), 0.001, 1e-9);
  EXPECT_EQ(histogram.negative()[3000], 1u);
  EXPECT_EQ(histogram.magnitudes()[500], 1u);
  EXPECT_EQ(histogram.total(), 5u);
}

TEST(Histogram, ZerosBeforeTheWidthIsKnownCount) {
  ThreadTeam team(1);
  TensorStatistics statistics(1);
  statistics.add(std::vector<float>(7, 0.0f), team);
  EXPECT_EQ(statistics.histogram().width(), 0);
  EXPECT_EQ(statistics.histogram().total(), 7u);
  statistics.add(std::vector<float>{1.0f}, team);
  EXPECT_EQ(statistics.histogram().positive()[0], 7u);
  EXPECT_EQ(statistics.histogram().total(), 8u);
}

TEST(Histogram, MemoryIsBoundedHoweverTheRangeGrows) {
  ThreadTeam team(1);
  TensorStatistics statistics(1);
  for (float largest : {1e-20f, 1e-3f, 1.0f, 100.0f, 3e38f}) {
    statistics.add(std::vector<float>{largest, -largest / 2}, team);
    EXPECT_LE(statistics.histogram().num_bins(), Histogram::kMaxBins);
    EXPECT_GE(
        statistics.histogram().width() * static_cast<double>(statistics.histogram().num_bins()),
        static_cast<double>(largest) * 0.999999);
  }
  EXPECT_EQ(statistics.histogram().total(), 10u);
}

TEST(RowReservoir, IsTheSameHoweverRowsAreCut) {
  const auto sample = [](std::vector<int64_t> batches) {
    RowReservoir reservoir(2, 7);
    int64_t first = 0;
    for (int64_t rows : batches) {
      reservoir.add(rows, [&](int64_t row, std::span<float> to) {
        to[0] = static_cast<float>(first + row);
        to[1] = -to[0];
      });
      first += rows;
    }
    return std::vector<float>(reservoir.rows().begin(), reservoir.rows().end());
  };
  const std::vector<float> whole = sample({5000});
  EXPECT_EQ(whole.size(), 2 * RowReservoir::kCapacity);
  EXPECT_EQ(whole, sample({100, 1, 4000, 899}));
  EXPECT_EQ(sample({3}), (std::vector<float>{0, -0.0f, 1, -1, 2, -2}));
}

TEST(RowReservoir, IsFair) {
  constexpr int64_t kRows = 20000;
  double sum = 0;
  size_t count = 0;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    RowReservoir reservoir(1, seed);
    reservoir.add(kRows, [](int64_t row, std::span<float> to) { to[0] = static_cast<float>(row); });
    for (float row : reservoir.rows()) sum += static_cast<double>(row);
    count += reservoir.num_rows();
  }
  // Four standard deviations of the mean of 5,120 rows.
  EXPECT_NEAR(sum / static_cast<double>(count), kRows / 2.0, 4 * kRows / std::sqrt(12.0 * 5120));
}

TEST(RowReservoir, RowsThatAreNotFiniteAreZeros) {
  RowReservoir reservoir(2, 0);
  reservoir.add(2, [](int64_t row, std::span<float> to) { to[0] = to[1] = row == 0 ? kNaN : 4; });
  EXPECT_EQ(std::vector<float>(reservoir.rows().begin(), reservoir.rows().end()),
            (std::vector<float>{0, 0, 4, 4}));
}

/// What a pass has gathered.
struct Gathered {
  TensorStatistics statistics{4};
  RowReservoir sample{4, 7, 16};

  void add(uint32_t seed) {
    ThreadTeam team(1);
    const std::vector<float> values = normal_values(100 * 4, seed);
    statistics.add(values, team);
    sample.add(100, [&](int64_t row, std::span<float> to) {
      std::copy_n(values.data() + row * 4, 4, to.data());
    });
  }
  template <typename State>
  void state(State& state) {
    statistics.state(state);
    sample.state(state);
  }
  std::vector<std::byte> bytes() {
    StateWriter writer;
    state(writer);
    return {writer.bytes().begin(), writer.bytes().end()};
  }
  void read(std::span<const std::byte> bytes) {
    ByteReader reader(bytes, "x.partial");
    StateReader state_reader(reader);
    state(state_reader);
  }
};

TEST(State, GoesOnAsIfItHadNotStopped) {
  Gathered whole, second;
  whole.add(1);
  second.read(whole.bytes());
  EXPECT_EQ(second.bytes(), whole.bytes());
  for (uint32_t seed : {2u, 3u}) {
    whole.add(seed);
    second.add(seed);
  }
  EXPECT_EQ(second.bytes(), whole.bytes());
}

TEST(State, AnyBytesGiveAStateThatGoesOnOrAnError) {
  Gathered whole;
  whole.add(1);
  const std::vector<std::byte> bytes = whole.bytes();
  for (size_t size = 0; size < bytes.size(); size += 997)
    EXPECT_THROW(Gathered().read(std::span(bytes).first(size)), Error) << size;
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> changed = bytes;
    changed[random() % changed.size()] = static_cast<std::byte>(random());
    changed[random() % 400] = static_cast<std::byte>(random());  // of the channels
    try {
      Gathered gathered;
      gathered.read(changed);
      gathered.add(2);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::CorruptFile) << error.what();
    }
  }
}

}  // namespace
}  // namespace vitro::test
