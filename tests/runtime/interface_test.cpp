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

}  // namespace
}  // namespace vitro
