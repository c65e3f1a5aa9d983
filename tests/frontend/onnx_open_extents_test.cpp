// What does not depend on the open extents of inputs is known when a model is imported.
#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"
#include "frontend/onnx/import.h"
#include "runtime/evaluate.h"

namespace vitro {
namespace {

using test::expect_error;
using test::Message;
using test::onnx_attribute;
using test::onnx_list;
using test::onnx_node;
using test::onnx_tensor;

Graph import(const test::OnnxGraph& graph) {
  return import_onnx(test::onnx_model(graph).span(), "m.onnx", evaluate_constants);
}

bool has(const Graph& graph, OpKind kind) {
  return std::ranges::any_of(graph.nodes, [&](const Node& node) { return node.kind == kind; });
}

/// x [dims] -> its extent `axis` as a float -> y = 0, 1, ... below it.
test::OnnxGraph range_of_extent(const std::vector<int64_t>& dims, int64_t axis) {
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", dims)};
  graph.outputs = {test::onnx_value("y", {-1})};
  graph.initializers = {onnx_list("axis", {axis}), onnx_list("none", {}),
                        onnx_tensor("zero", {}, {0}), onnx_tensor("one", {}, {1})};
  graph.nodes = {onnx_node("Shape", {"x"}, {"shape"}),
                 onnx_node("Gather", {"shape", "axis"}, {"list"}),
                 onnx_node("Reshape", {"list", "none"}, {"extent"}),
                 onnx_node("Cast", {"extent"}, {"limit"}, {onnx_attribute("to", 1)}),
                 onnx_node("Range", {"zero", "limit", "one"}, {"y"}, {}, "range")};
  return graph;
}

TEST(OnnxOpenExtents, ArithmeticOnOthersIsFolded) {
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{2, 3, 4, 5}, {-1, 3, 4, 5}}) {
    const Graph graph = import(range_of_extent(dims, 2));
    EXPECT_TRUE(graph.nodes.empty()) << print(graph);
    EXPECT_EQ(graph.value(graph.outputs[0].value).type.dims, (Dims{4}));
  }
}

TEST(OnnxOpenExtents, WhatDependsOnThemIsNot) {
  expect_error(ErrorCode::Unsupported, "Range 'range': limit (input 1) are computed from data",
               [&] {
                 import(range_of_extent({-1, 3, 4, 5}, 0));
               });
  expect_error(ErrorCode::Unsupported, "Range 'range': limit (input 1) are computed from data",
               [&] {
                 import(range_of_extent({-1, 3, -1, -1}, 3));
               });
}

/// One size for large pictures and another one for small ones.
TEST(OnnxOpenExtents, NeitherIsWhatIsFarFromUsual) {
  auto graph = range_of_extent({-1, 3, -1, -1}, 3);
  graph.initializers.push_back(onnx_list("bound", {2000}));
  graph.initializers.push_back(onnx_tensor("some", {2}, {1, 2}));
  graph.initializers.push_back(onnx_tensor("others", {2}, {3, 4}));
  graph.nodes.resize(2);
  graph.nodes.push_back(onnx_node("Greater", {"list", "bound"}, {"is_large"}));
  graph.nodes.push_back(onnx_node("Where", {"is_large", "some", "others"}, {"y"}));
  EXPECT_TRUE(has(import(graph), OpKind::Where));
}

test::OnnxGraph strided_convolution(const std::vector<int64_t>& dims) {
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", dims)};
  graph.outputs = {test::onnx_value("y", {-1, 2, -1, -1})};
  graph.initializers = {onnx_tensor("w", {2, 3, 3, 3}, std::vector<float>(54))};
  graph.nodes = {onnx_node("Conv", {"x", "w"}, {"y"},
                           {onnx_attribute("auto_pad", "SAME_UPPER"),
                            onnx_attribute("strides", std::vector<int64_t>{2, 2})})};
  return graph;
}

TEST(OnnxOpenExtents, PaddingOfStridesAsksForFixedSides) {
  const Graph graph = import(strided_convolution({-1, 3, 8, 9}));
  EXPECT_EQ(graph.value(graph.outputs[0].value).type.dims, (Dims{1, 2, 4, 5}));
  expect_error(ErrorCode::Unsupported, "auto_pad with strides", [&] {
    import(strided_convolution({1, 3, 8, -1}));
  });
}

/// A table of n rows that a product makes of a short list, and what is left of it.
test::OnnxGraph table_of(int64_t rows) {
  test::OnnxGraph graph;
  const auto n = static_cast<size_t>(rows);
  graph.inputs = {test::onnx_value("x", {-1, 1})};
  graph.outputs = {test::onnx_value("y", {-1, 1})};
  graph.initializers = {onnx_tensor("list", {rows, 1}, std::vector<float>(n, 1)),
                        onnx_tensor("wide", {1, 512}, std::vector<float>(512, 1)),
                        onnx_tensor("narrow", {512, 1}, std::vector<float>(512, 1))};
  graph.nodes = {onnx_node("MatMul", {"list", "wide"}, {"table"}),
                 onnx_node("MatMul", {"table", "narrow"}, {"sums"}),
                 onnx_node("ReduceMax", {"sums"}, {"largest"}),
                 onnx_node("Add", {"x", "largest"}, {"y"})};
  return graph;
}

TEST(OnnxOpenExtents, ChainsOfConstantsAreOneWhateverIsOnTheWay) {
  for (const int64_t rows : {16, 20000}) {  // a table of 40 MB
    const Graph graph = import(table_of(rows));
    ASSERT_EQ(graph.nodes.size(), 1u) << print(graph);
    EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).constant->floats()[0], 512);
  }
}

TEST(OnnxOpenExtents, ChainsThatWouldTakeTooMuchMemoryAreLeft) {
  EXPECT_TRUE(has(import(table_of(200000)), OpKind::MatMul) ||
              has(import(table_of(200000)), OpKind::Linear));
}

}  // namespace
}  // namespace vitro
