#include "ir/graph.h"

#include <gtest/gtest.h>

#include "ir/builder.h"
#include "passes/graphs.h"

namespace vitro::test {
namespace {

Graph residual_linear() {
  GraphMaker m;
  const ValueId x = m.input({1, 2, 3});
  return m.finish({m.add(x, m.linear(x, "a", 3))});
}

TEST(Builder, InfersTypesAndNamesValues) {
  const Graph graph = residual_linear();
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.value(graph.outputs[0].value).type, (TensorType{DType::Float32, {1, 2, 3}}));
  EXPECT_EQ(graph.value(graph.nodes[0].output()).name, "a.0");
  EXPECT_EQ(graph.value(graph.nodes[1].output()).name, "add.1");
}

TEST(Builder, IsEmptyAfterFinish) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  builder.finish({x});
  const ValueId y = builder.input("y", {3});
  EXPECT_EQ(y, 0);
  EXPECT_EQ(builder.finish({y}).values.size(), 1u);
}

TEST(Print, ShowsOneLinePerNode) {
  EXPECT_EQ(print(residual_linear()),
            "%0 = input 1x2x3\n"
            "%3 = linear(%0, @a.weight, @a.bias) : 1x2x3  # a\n"
            "%4 = add(%0, %3) : 1x2x3  # add\n"
            "return %4\n");
}

TEST(Print, ShowsAFormThatIsNotRows) {
  Graph graph = residual_linear();
  Value& weight = graph.value(graph.nodes[0].inputs[1]);
  weight.constant->storage = "cpu:panel16";
  EXPECT_NE(print(graph).find("@a.weight:cpu:panel16, @a.bias)"), std::string::npos);
}

TEST(Print, ShowsEveryAttribute) {
  GraphMaker m;
  const ValueId x = m.input({1, 4, 4, 3}), y = m.conv(x, "a", 2, 3, 2, 1, false);
  const ValueId flat = m.op(OpKind::Reshape, ReshapeAttrs{{0, -1}}, {y}, "b");
  const std::string text = print(m.finish({m.op(OpKind::Slice, SliceAttrs{1, 2, 5}, {flat}, "c")}));
  EXPECT_NE(text.find("{stride=[2,2], pad=[1,1,1,1]} : 1x2x2x2  # a"), std::string::npos);
  EXPECT_NE(text.find("{dims=[0,-1]} : 1x8  # b"), std::string::npos);
  EXPECT_NE(text.find("{axis=1, begin=2, end=5} : 1x3  # c"), std::string::npos);
}

TEST(Graph, KnowsProducersAndConsumers) {
  const Graph graph = residual_linear();
  EXPECT_EQ(producers(graph), (std::vector<int>{-1, -1, -1, 0, 1}));
  EXPECT_EQ(consumers(graph), (std::vector<std::vector<int>>{{0, 1}, {0}, {0}, {1}, {}}));
}

TEST(Graph, ReplacesOperandsAndOutputs) {
  Graph graph = residual_linear();
  replace_uses(graph, graph.outputs[0].value, graph.inputs[0].value);
  EXPECT_EQ(graph.outputs[0].value, graph.inputs[0].value);
  replace_uses(graph, 3, 0);
  EXPECT_EQ(graph.nodes[1].inputs, (std::vector<ValueId>{0, 0}));
}

TEST(Graph, RemovesDeadNodesAndValues) {
  Graph graph = residual_linear();
  graph.outputs = {{"out", 3, {}}};
  remove_dead(graph);
  EXPECT_EQ(print(graph),
            "%0 = input 1x2x3\n"
            "%3 = linear(%0, @a.weight, @a.bias) : 1x2x3  # a\n"
            "return %3\n");
  graph.outputs = {{"out", 0, {}}};
  remove_dead(graph);
  EXPECT_EQ(graph.values.size(), 1u);
  EXPECT_TRUE(graph.nodes.empty());
}

TEST(Graph, KeepsInputsThatNobodyReads) {
  GraphBuilder builder;
  const ValueId unused = builder.input("unused", {1}), x = builder.input("x", {2});
  Graph graph = builder.finish({x});
  remove_dead(graph);
  ASSERT_EQ(graph.inputs.size(), 2u);
  EXPECT_EQ(graph.value(unused).name, "unused");
}

/// Convolutions in a row: kernel, stride, padding of each.
Graph convolutions(const std::vector<std::array<int64_t, 3>>& layers) {
  GraphBuilder builder;
  ValueId x = builder.input("x", {1, 64, 64, 3});
  for (const auto& [kernel, stride, pad] : layers) {
    auto [weight, values] = allocate_floats({3, kernel, kernel, 3});
    std::fill(values.begin(), values.end(), 0.0f);
    const Conv2dAttrs attrs{{stride, stride}, {pad, pad, pad, pad}};
    x = builder.op(OpKind::Conv2d, attrs, {x, builder.constant("weight", weight)}, "conv");
  }
  return builder.finish({x});
}

TEST(Graph, InputMultipleIsTheProductOfTheStridesThatTile) {
  EXPECT_EQ(input_multiple(convolutions({{3, 1, 1}})), 1);
  EXPECT_EQ(input_multiple(convolutions({{4, 4, 0}, {2, 2, 0}, {1, 1, 0}, {2, 2, 0}})), 16);
  EXPECT_EQ(input_multiple(convolutions({{3, 2, 1}, {3, 2, 1}})), 1) << "overlapping: any size";
  EXPECT_EQ(input_multiple(convolutions({{3, 2, 1}, {2, 2, 0}})), 1) << "3 pixels would do";
}

}  // namespace
}  // namespace vitro::test
