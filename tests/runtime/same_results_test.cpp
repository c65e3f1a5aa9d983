#include "runtime/same_results.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vitro {
namespace {

/// x [n, 4] of any n -> x * factor, and the integers i -> i + step.
Graph model(float factor, int64_t step) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 4}, DType::Float32, {{"n", 1, 100, 1}, {"", 4, 4, 1}});
  const ValueId i = builder.input("i", {3}, DType::Int64);
  const ValueId a = builder.constant("a", make_constant({1}, {&factor, 1}));
  const ValueId b = builder.constant("b", make_constant({1}, {&step, 1}));
  return builder.finish(
      {builder.op(BinaryFunction::Mul, x, a, "mul"), builder.op(BinaryFunction::Add, i, b, "add")},
      {"y", "j"});
}

TEST(CompareResults, TellsHowFarWhichOutputIs) {
  const auto same = compare_results(model(2, 1), model(2, 1));
  ASSERT_EQ(same.size(), 2u);  // the default shape and another one
  EXPECT_EQ(same[0].inputs, (std::vector<Dims>{{2, 4}, {3}}));
  EXPECT_NE(same[1].inputs[0], (Dims{2, 4}));
  EXPECT_EQ(same[0].error, 0.0);
  const auto scaled = compare_results(model(2, 1), model(2.002f, 1));
  EXPECT_EQ(scaled[1].output, "y");
  EXPECT_NEAR(scaled[1].error, 1e-3, 1e-6);
  const auto shifted = compare_results(model(2, 1), model(2, 2));
  EXPECT_EQ(shifted[0].output, "j");
  EXPECT_EQ(shifted[0].error, std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace vitro
