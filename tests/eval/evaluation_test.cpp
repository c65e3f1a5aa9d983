#include "eval/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace vitro {
namespace {

Evaluation evaluation(int64_t images, int64_t top1, double probability) {
  Evaluation result;
  result.images = images;
  result.top1 = top1;
  for (int64_t i = 0; i < images; ++i) result.results.push_back({0, 0, probability});
  return result;
}

TEST(SurelyWrong, WhenSureAnswersAreRightByChanceOnly) {
  EXPECT_TRUE(is_surely_wrong(evaluation(200, 1, 0.43), 200));
  EXPECT_TRUE(is_surely_wrong(evaluation(200, 0, 0.9), 1000));
  EXPECT_TRUE(is_surely_wrong(evaluation(200, 100, 0.9), 2)) << "half of two classes is chance";
  EXPECT_TRUE(is_surely_wrong(evaluation(200, 10, 0.9), 2)) << "two classes exchanged";
}

TEST(SurelyWrong, NotWhenTheModelIsUnsureOrBetterThanChance) {
  EXPECT_FALSE(is_surely_wrong(evaluation(200, 1, 0.02), 200)) << "an untrained model";
  EXPECT_FALSE(is_surely_wrong(evaluation(200, 20, 0.9), 200)) << "a bad model";
  EXPECT_FALSE(is_surely_wrong(evaluation(200, 150, 0.9), 2));
}

TEST(SurelyWrong, NotFromAFewImages) {
  EXPECT_FALSE(is_surely_wrong(evaluation(1, 0, 0.9), 200));
  EXPECT_FALSE(is_surely_wrong(evaluation(3, 0, 0.6), 200));
  EXPECT_FALSE(is_surely_wrong({}, 200));
}

Evaluation answers(const std::vector<std::pair<size_t, bool>>& images) {
  Evaluation result;
  for (const auto& [image, right] : images) result.results.push_back({image, 0, 1, right});
  return result;
}

TEST(PairedResults, CountsImagesThatOneAloneGetsRight) {
  const Evaluation a = answers({{0, true}, {1, true}, {2, false}, {3, false}, {4, true}});
  const Evaluation b = answers({{0, true}, {1, false}, {2, true}, {3, false}, {4, false}});
  EXPECT_EQ(paired_results(a, b).only_model, 2);
  EXPECT_EQ(paired_results(a, b).only_reference, 1);
  EXPECT_EQ(paired_results(a, a).only_model, 0);
  // Images that one could not read count for neither.
  const Evaluation some = answers({{2, true}, {4, false}, {7, true}});
  EXPECT_EQ(paired_results(a, some).only_model, 1);
  EXPECT_EQ(paired_results(some, a).only_model, 1);
  EXPECT_EQ(paired_results(some, {}).only_model, 0);
}

TEST(MeanDivergence, IsThatOfTheRows) {
  const std::vector<float> even{0, 0, 0, 0}, sure{0, std::log(3.0f), 0, 0};
  EXPECT_EQ(mean_divergence(even, even, 2), 0);
  // Of 1/4 and 3/4 from halves, and of halves from halves.
  EXPECT_NEAR(mean_divergence(sure, even, 2), 0.5 * (std::log(2.0) / 2 - std::log(1.5) / 2), 1e-7);
  const std::vector<float> bad{0, std::numeric_limits<float>::quiet_NaN(), 0, 0};
  EXPECT_EQ(mean_divergence(bad, even, 2), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace vitro
