#include "backends/constant_views.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vitro {
namespace {

TEST(ConstantViews, BecomeConstants) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const ValueId rows = builder.constant("rows", make_constant({6}, values));
  const ValueId first = builder.op(OpKind::Reshape, ReshapeAttrs{{3, 2}}, {rows}, "first");
  const ValueId second = builder.op(OpKind::Reshape, ReshapeAttrs{{2, 3}}, {first}, "second");
  const ValueId sum = builder.op(BinaryFunction::Add, x, second, "sum");
  const Graph graph = builder.finish({sum});

  PlanCache cache;
  const auto types = infer(graph, input_types(graph)).types;
  const std::optional<Graph> folded = with_views_folded(graph, types, cache);
  ASSERT_TRUE(folded);
  verify(*folded);
  ASSERT_EQ(folded->nodes.size(), graph.nodes.size());
  const auto& constant = folded->value(folded->nodes.back().inputs[1]).constant;
  ASSERT_TRUE(constant);
  EXPECT_EQ(constant->type.dims, (Dims{2, 3}));
  EXPECT_TRUE(std::ranges::equal(constant->floats(), values));
}

TEST(ConstantViews, LeaveOthersAlone) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const ValueId view = builder.op(OpKind::Reshape, ReshapeAttrs{{3, 2}}, {x}, "view");
  const Graph graph = builder.finish({view});
  PlanCache cache;
  EXPECT_FALSE(with_views_folded(graph, infer(graph, input_types(graph)).types, cache));
}

}  // namespace
}  // namespace vitro
