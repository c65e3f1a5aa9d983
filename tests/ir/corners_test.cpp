#include "ir/corners.h"

#include <gtest/gtest.h>

#include <set>

#include "ir/builder.h"

namespace vitro {
namespace {

/// The extents of the only axis at the corners that the graph takes.
std::set<int64_t> accepted(const Graph& graph) {
  std::set<int64_t> extents;
  const auto corners = corner_inputs(graph);
  const auto types = types_at(graph, corners);
  for (size_t i = 0; i < corners.size(); ++i)
    if (!types[i].empty()) extents.insert(corners[i][0].dims[0]);
  return extents;
}

/// x [n] -> [n / group, group], which takes multiples of `group`.
Graph grouped(int64_t group, int64_t usual, const DimRange& range) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {usual}, DType::Float32, {range});
  return builder.finish({builder.op(OpKind::Reshape, ReshapeAttrs{{-1, group}}, {x}, "groups")});
}

TEST(Corners, AreTheLeastAndALargerExtent) {
  EXPECT_EQ(accepted(grouped(1, 8, {"n", 1, kOpenExtent, 1})), (std::set<int64_t>{1, 11}));
}

// One shape alone would take what is computed from the usual extent for a constant.
TEST(Corners, DifferWhereTheGraphTakesMultiplesThatTheRangeDoesNotTell) {
  EXPECT_EQ(accepted(grouped(32, 64, {"n", 1, kOpenExtent, 1})), (std::set<int64_t>{64, 192}));
  EXPECT_EQ(accepted(grouped(32, 64, {"n", 1, 150, 1})), (std::set<int64_t>{64, 128}));
}

TEST(Corners, AreTheUsualExtentWhereTheGraphTakesNoOther) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {8}, DType::Float32, {{"n", 1, kOpenExtent, 1}});
  const ValueId pairs = builder.op(OpKind::Reshape, ReshapeAttrs{{4, 2}}, {x}, "pairs");
  EXPECT_EQ(accepted(builder.finish({pairs})), (std::set<int64_t>{8}));
}

}  // namespace
}  // namespace vitro
