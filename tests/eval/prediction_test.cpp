#include "eval/prediction.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vitro {
namespace {

TEST(Prediction, OneNanIsNotFinite) {
  EXPECT_TRUE(all_finite(std::vector<float>{1, -2}));
  EXPECT_FALSE(all_finite(std::vector<float>{1, NAN}));
  EXPECT_FALSE(all_finite(std::vector<float>{INFINITY, 1}));
}

TEST(Prediction, SoftmaxIsStable) {
  const std::vector<float> logits{1000, 1000, -1000};
  const std::vector<double> probabilities = softmax(logits);
  EXPECT_DOUBLE_EQ(probabilities[0], 0.5);
  EXPECT_DOUBLE_EQ(probabilities[2], 0);
}

TEST(Prediction, TopIndicesBreakTiesByIndexAndPutNanLast) {
  const std::vector<float> values{NAN, 2, 5, 2, -1};
  EXPECT_EQ(top_indices(values, 4), (std::vector<int64_t>{2, 1, 3, 4}));
  EXPECT_EQ(top_indices(values, 99).size(), 5u);
  EXPECT_EQ(top_indices(values, 5).back(), 0);
}

TEST(Prediction, LabelsFallBackToIdsAndNumbers) {
  Classifier classifier;
  classifier.label_ids = {"n01"};
  classifier.labels = {""};
  EXPECT_EQ(class_label(classifier, 0), "n01");
  EXPECT_EQ(class_label(classifier, 7), "class 7");
  classifier.labels = {"goldfish"};
  EXPECT_EQ(class_label(classifier, 0), "goldfish");
}

}  // namespace
}  // namespace vitro
