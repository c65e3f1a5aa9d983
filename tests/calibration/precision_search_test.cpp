#include "calibration/precision_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vitro::test {
namespace {

/// A model of products of equal cost, each of which costs so many of 1,000 images in 8 bits.
class Model {
 public:
  explicit Model(std::vector<int64_t> costs, double max_drop) : costs_(std::move(costs)) {
    for (size_t i = 0; i < costs_.size(); ++i)
      record.products.push_back({.product = std::to_string(i), .stays_float = {}, .flops = 1e6});
    record.search = PrecisionSearch{max_drop, 1000, 0, {}, 0};
  }

  SearchResult run() {
    PrecisionTrials trials;
    trials.evaluate = [&](const QuantizationRecord& trial) -> std::optional<PrecisionPoint> {
      if (stop_after-- == 0) return std::nullopt;
      return PrecisionPoint{.top1 = 600 - cost(trial), .only_reference = cost(trial)};
    };
    trials.divergence = [&](const QuantizationRecord& alone) -> std::optional<double> {
      if (stop_after-- == 0) return std::nullopt;
      EXPECT_EQ(alone.num_in_8_bits(), 1) << "without those that are forced";
      ++measured;
      return 1e-3 * static_cast<double>(cost(alone));
    };
    return search_precisions(record, trials);
  }

  int64_t cost(const QuantizationRecord& trial) const {
    int64_t sum = 0;
    for (size_t i = 0; i < costs_.size(); ++i)
      if (trial.products[i].in_8_bits()) sum += costs_[i];
    return sum;
  }
  std::string in_8_bits() const {
    std::string names;
    for (const ProductRecord& product : record.products)
      if (product.in_8_bits()) names += product.product;
    return names;
  }

  QuantizationRecord record;
  int measured = 0, stop_after = -1;

 private:
  std::vector<int64_t> costs_;
};

TEST(PrecisionSearch, ABoundThatHoldsNeedsNoSensitivity) {
  Model model({1, 1, 1}, 0.3);
  EXPECT_EQ(model.run(), SearchResult::Within);
  EXPECT_EQ(model.measured, 0);
  EXPECT_EQ(model.in_8_bits(), "012");
  ASSERT_EQ(model.record.search->points.size(), 1u);
  EXPECT_EQ(model.record.search->points[0].products, 3);
  EXPECT_EQ(model.record.search->points[0].flops, 3e6);
}

TEST(PrecisionSearch, RestoresTheFewestOfTheMostSensitive) {
  Model model({1, 9, 2, 7, 0}, 0.3);
  EXPECT_EQ(model.run(), SearchResult::Within);
  EXPECT_EQ(model.measured, 5);
  EXPECT_EQ(model.in_8_bits(), "024");
  EXPECT_EQ(model.record.products[3].stays_float, "restored for --max-drop");
  const PrecisionSearch& search = *model.record.search;
  EXPECT_EQ(search.points[search.chosen].products, 3);
  EXPECT_EQ(search.points[search.chosen].only_reference, 3);
  EXPECT_EQ(by_sensitivity(model.record), (std::vector<size_t>{1, 3, 2, 0, 4}));
}

TEST(PrecisionSearch, FindsEveryCountInFewEvaluations) {
  for (int64_t restored = 1; restored < 100; ++restored) {
    Model model(std::vector<int64_t>(100, 1), static_cast<double>(100 - restored) / 10);
    ASSERT_EQ(model.run(), SearchResult::Within) << restored;
    EXPECT_EQ(model.record.num_in_8_bits(), 100 - restored);
    EXPECT_LE(model.record.search->points.size(), 2 + 2 * std::log2(100.0)) << restored;
  }
}

TEST(PrecisionSearch, MoreWorkPerErrorIsRestoredLater) {
  Model model({5, 5}, 0.5);
  model.record.products[0].flops = 2e6;
  EXPECT_EQ(model.run(), SearchResult::Within);
  EXPECT_EQ(model.in_8_bits(), "0");
}

TEST(PrecisionSearch, EndsOutOfReach) {
  Model every({5, 5, 5}, 0.4);
  EXPECT_EQ(every.run(), SearchResult::OutOfReach) << "the model in float is none in 8 bits";
  EXPECT_EQ(every.record.search->points.back().products, 1);
  Model one({5}, 0.4);
  EXPECT_EQ(one.run(), SearchResult::OutOfReach);
  Model forced({5, 1, 1}, 0.4);
  forced.record.products[0].forced = true;
  EXPECT_EQ(forced.run(), SearchResult::OutOfReach);
  EXPECT_EQ(forced.record.search->points.back().products, 1);
  EXPECT_EQ(forced.measured, 2);
  Model kept({2, 3, 3}, 0.2);
  kept.record.products[0].forced = true;
  EXPECT_EQ(kept.run(), SearchResult::Within);
  EXPECT_EQ(kept.in_8_bits(), "0");
}

TEST(PrecisionSearch, ProductsInFloatStayAsTheyAre) {
  Model model({5, 5, 1}, 0.2);
  model.record.products[0].stays_float = "its result is that of the model";
  EXPECT_EQ(model.run(), SearchResult::Within);
  EXPECT_EQ(model.measured, 2);
  EXPECT_EQ(model.record.products[0].stays_float, "its result is that of the model");
  EXPECT_EQ(model.in_8_bits(), "2");
}

TEST(PrecisionSearch, StopsAnywhere) {
  for (int trials = 0; trials < 7; ++trials) {
    Model model({5, 5, 1, 1}, 0.2);
    model.stop_after = trials;
    EXPECT_EQ(model.run(), SearchResult::Stopped) << trials;
    EXPECT_EQ(model.in_8_bits(), "0123");
  }
}

TEST(PrecisionSearch, ParetoPointsAreBeatenByNone) {
  PrecisionSearch search{1, 1000, 0, {}, 0};
  for (const auto& [flops, cost] :
       std::vector<std::pair<double, int64_t>>{{4, 9}, {3, 9}, {2, 1}, {1, 1}, {0, 0}, {2, 2}})
    search.points.push_back({.products = 0, .flops = flops, .only_reference = cost});
  std::string text;
  for (size_t i = 0; i < search.points.size(); ++i) text += is_pareto(search, i) ? "p" : "-";
  EXPECT_EQ(text, "p-p-p-");
}

}  // namespace
}  // namespace vitro::test
