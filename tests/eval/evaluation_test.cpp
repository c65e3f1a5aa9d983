#include "eval/evaluation.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vitro
