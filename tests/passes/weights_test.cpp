// What folds do to weights, on numbers that are exact in float32.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "passes/graphs.h"
#include "passes/passes.h"

namespace vitro::test {
namespace {

std::vector<float> values_of(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values)
    if (value.name == name && value.constant) {
      const auto floats = value.constant->floats();
      return {floats.begin(), floats.end()};
    }
  ADD_FAILURE() << "no constant " << name;
  return {};
}

ValueId constant(GraphBuilder& builder, const std::string& name, const Dims& dims,
                 const std::vector<float>& values) {
  return builder.constant(name, make_constant(dims, values));
}

TEST(Weights, TheCentreTapGrowsByOne) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 3, 4, 2});
  const ValueId weight = constant(builder, "w", {1, 3, 2}, {1, 2, 3, 4, 5, 6});
  const ValueId conv =
      builder.op(OpKind::DepthwiseConv2d, Conv2dAttrs{{1, 1}, {0, 1, 0, 1}}, {x, weight}, "conv");
  Graph graph = builder.finish({builder.op(OpKind::Add, {}, {conv, x}, "add")});
  fold_depthwise_residual(graph);
  EXPECT_EQ(values_of(graph, "w"), (std::vector<float>{1, 2, 4, 5, 5, 6}));
}

TEST(Weights, BatchNormScalesColumnsAndShiftsTheBias) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const ValueId norm = builder.op(
      OpKind::BatchNorm, NormAttrs{0.0f},
      {x, constant(builder, "n.weight", {2}, {2, 3}), constant(builder, "n.bias", {2}, {1, -1}),
       constant(builder, "n.mean", {2}, {4, 5}), constant(builder, "n.var", {2}, {4, 9})},
      "n");
  const ValueId weight = constant(builder, "a.weight", {3, 2}, {1, 2, 3, 4, 5, 6});
  Graph graph = builder.finish({builder.op(OpKind::Linear, {}, {norm, weight}, "a")});
  fold_batch_norm(graph);
  // scale {1, 1}, shift {1 - 4, -1 - 5}
  EXPECT_EQ(values_of(graph, "a.weight"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values_of(graph, "a.bias"), (std::vector<float>{-15, -33, -51}));
}

TEST(Weights, AttentionScaleTouchesTheQueriesAlone) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 4, 1});
  const ValueId qkv = builder.op(OpKind::Linear, {},
                                 {x, constant(builder, "a.weight", {6, 1}, {1, 2, 3, 4, 5, 6}),
                                  constant(builder, "a.bias", {6}, {8, 8, 8, 8, 8, 8})},
                                 "a");
  Graph graph = builder.finish(
      {builder.op(OpKind::Attention, AttentionAttrs{1, 2, 0.5f}, {qkv}, "attention")});
  fold_attention_scale(graph);
  EXPECT_EQ(values_of(graph, "a.weight"), (std::vector<float>{0.5f, 1, 3, 4, 5, 6}));
  EXPECT_EQ(values_of(graph, "a.bias"), (std::vector<float>{4, 4, 8, 8, 8, 8}));
}

TEST(Weights, ASharedWeightIsCopied) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const ValueId weight = constant(builder, "a.weight", {2, 2}, {1, 2, 3, 4});
  const ValueId first = builder.op(OpKind::Linear, {}, {x, weight}, "a");
  const ValueId gamma = constant(builder, "gamma", {2}, {2, 4});
  const ValueId scaled = builder.op(OpKind::Mul, {}, {first, gamma}, "mul");
  Graph graph = builder.finish({builder.op(OpKind::Linear, {}, {scaled, weight}, "b")});
  fold_layer_scale(graph);
  EXPECT_EQ(values_of(graph, "a.weight"), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(values_of(graph, "a.weight.1"), (std::vector<float>{2, 4, 12, 16}));
}

TEST(Weights, RoundingTouchesMatricesAlone) {
  GraphMaker maker;
  const ValueId x = maker.input({1, 2, 2, 4});
  Graph graph =
      maker.finish({maker.add(x, maker.linear(maker.gelu(maker.linear(x, "a", 4)), "b", 4)),
                    maker.linear(x, "c", 3)});
  fuse_mlp(graph);
  const Graph before = graph;
  round_weights(graph);
  verify(graph);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.constant) continue;
    const bool is_matrix = value.name.ends_with(".weight");
    EXPECT_EQ(value.constant->type.dtype, is_matrix ? DType::BFloat16 : DType::Float32)
        << value.name;
    const Constant rounded = with_dtype(*value.constant, DType::Float32);
    const Constant& whole = *before.values[i].constant;
    for (size_t e = 0; e < whole.bytes.size() / sizeof(float); ++e)
      EXPECT_NEAR(rounded.floats()[e], whole.floats()[e], std::abs(whole.floats()[e]) * 0x1p-8f);
  }
  ASSERT_EQ(graph.nodes[0].kind, OpKind::Mlp);
  const Graph& body = *graph.nodes[0].body;
  EXPECT_EQ(body.value(body.inputs[1].value).type.dtype, DType::BFloat16);
  EXPECT_EQ(body.value(body.inputs[2].value).type.dtype, DType::Float32);
  const std::string once = print(graph);
  round_weights(graph);
  EXPECT_EQ(print(graph), once);
}

TEST(Weights, AMatrixThatIsReadAsATensorIsCopied) {
  GraphMaker maker;
  const ValueId x = maker.input({4, 4}), weight = maker.weight("w", {4, 4});
  const ValueId a = maker.op(OpKind::Linear, {}, {x, weight}, "a");
  Graph graph = maker.finish({maker.add(a, weight)});
  round_weights(graph);
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).constant->type.dtype, DType::BFloat16);
  EXPECT_EQ(graph.value(graph.nodes[1].inputs[1]).constant->type.dtype, DType::Float32);
}

}  // namespace
}  // namespace vitro::test
