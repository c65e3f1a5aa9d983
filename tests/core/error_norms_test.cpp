#include "core/error_norms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace vitro {
namespace {

ErrorNorms norms_of(const std::vector<float>& values, const std::vector<float>& reference) {
  ErrorNorms norms;
  norms.add(values, reference);
  return norms;
}

TEST(ErrorNorms, AreRelativeToTheReference) {
  const ErrorNorms norms = norms_of({1, 2, 3, 6}, {1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(norms.nmse(), 4.0 / 30.0);
  EXPECT_DOUBLE_EQ(norms.max_error(), 2.0 / std::sqrt(30.0 / 4.0));
}

TEST(ErrorNorms, GatherOverCalls) {
  ErrorNorms norms = norms_of({1, 2}, {1, 2});
  norms.add(std::vector<float>{3, 6}, std::vector<float>{3, 4});
  EXPECT_DOUBLE_EQ(norms.nmse(), 4.0 / 30.0);
  EXPECT_DOUBLE_EQ(norms.max_error(), 2.0 / std::sqrt(30.0 / 4.0));
}

TEST(ErrorNorms, AreZeroForEqualValuesWhateverTheyAre) {
  for (const ErrorNorms& norms : {norms_of({0, 0}, {0, 0}), norms_of({}, {}), norms_of({5}, {5})}) {
    EXPECT_EQ(norms.nmse(), 0);
    EXPECT_EQ(norms.max_error(), 0);
  }
}

TEST(ErrorNorms, AreInfiniteWhereNothingCanBeSaid) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const ErrorNorms& norms :
       {norms_of({kNaN, 1}, {1, 1}), norms_of({1, 1}, {1, kNaN}), norms_of({kNaN}, {kNaN}),
        norms_of({kInfinity}, {kInfinity}), norms_of({1}, {kInfinity}), norms_of({1}, {0})}) {
    EXPECT_EQ(norms.nmse(), std::numeric_limits<double>::infinity());
    EXPECT_EQ(norms.max_error(), std::numeric_limits<double>::infinity());
  }
}

}  // namespace
}  // namespace vitro
