#include "runtime/interface.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vitro {
namespace {

// An extent that two inputs share changes in both.
TEST(OutputInfos, KnowExtentsOfSeveralInputs) {
  GraphBuilder builder;
  const DimRange n{"n", 1, 100, 1}, four{"", 4, 4, 1};
  const ValueId a = builder.input("a", {2, 4}, DType::Float32, {n, four});
  const ValueId b = builder.input("b", {2, 4}, DType::Float32, {n, four});
  const ValueId sum = builder.op(BinaryFunction::Add, a, b, "add");
  const ValueId both = builder.op(OpKind::Concat, AxisAttrs{0}, {a, b}, "concat");
  const std::vector<IoInfo> infos = output_infos(builder.finish({sum, both}));
  EXPECT_EQ(infos.at(0).dims, (std::vector<DimRange>{n, four}));
  EXPECT_EQ(infos.at(1).dims.at(0).name, "");
  EXPECT_LT(infos[1].dims[0].min, infos[1].dims[0].max);
}

// What a graph takes may be fewer extents than the range says: decoders that double what was
// halved.
TEST(OutputInfos, KnowExtentsThatStridesDivide) {
  GraphBuilder builder;
  const DimRange one{"", 1, 1, 1}, width{"width", 1, kOpenExtent, 1};
  const ValueId x = builder.input("x", {1, 32}, DType::Float32, {one, width});
  const ValueId groups = builder.op(OpKind::Reshape, ReshapeAttrs{{-1, 32}}, {x}, "groups");
  const ValueId line = builder.op(OpKind::Reshape, ReshapeAttrs{{1, -1}}, {groups}, "line");
  const std::vector<IoInfo> infos = output_infos(builder.finish({groups, line}));
  EXPECT_EQ(infos.at(0).dims.at(0), (DimRange{"", 0, kOpenExtent, 1}));
  EXPECT_EQ(infos.at(0).dims.at(1), (DimRange{"", 32, 32, 1}));
  EXPECT_EQ(infos.at(1).dims.at(1), width);
}

// Names may not tell that two extents are one.
TEST(OutputInfos, KnowExtentsThatChangeTogether) {
  GraphBuilder builder;
  const DimRange of_a{"a.0", 1, kOpenExtent, 1}, of_b{"b.0", 1, kOpenExtent, 1};
  const ValueId a = builder.input("a", {8}, DType::Float32, {of_a});
  const ValueId b = builder.input("b", {8}, DType::Float32, {of_b});
  const ValueId sum = builder.op(BinaryFunction::Add, a, b, "add");
  EXPECT_LT(output_infos(builder.finish({sum})).at(0).dims.at(0).min, 8);
}

TEST(OutputInfos, StayWhereTheGraphTakesTheUsualExtentAlone) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {8}, DType::Float32, {{"n", 1, kOpenExtent, 1}});
  const ValueId pairs = builder.op(OpKind::Reshape, ReshapeAttrs{{4, 2}}, {x}, "pairs");
  const std::vector<IoInfo> infos = output_infos(builder.finish({pairs}));
  EXPECT_EQ(infos.at(0).dims.at(0), (DimRange{"", 4, 4, 1}));
}

}  // namespace
}  // namespace vitro
