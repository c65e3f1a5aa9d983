#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>
#include <tuple>

#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"
#include "frontend/onnx/import.h"
#include "ir/infer.h"
#include "runtime/evaluate.h"

namespace vitro {
namespace {

using test::expect_error;
using test::Message;
using test::onnx_attribute;
using test::onnx_node;

Graph import(const Message& model) { return import_onnx(model.span(), "m.onnx"); }

/// x [n, 3, h, w] -> nodes -> y.
test::OnnxGraph picture_graph(std::vector<Message> nodes) {
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", {-1, 3, -1, -1})};
  graph.outputs = {test::onnx_value("y", {-1, -1, -1, -1})};
  graph.nodes = std::move(nodes);
  return graph;
}

TEST(OnnxImport, KeepsNamesAndOpenExtents) {
  const Graph graph = import(test::onnx_model(picture_graph({onnx_node("Relu", {"x"}, {"y"})})));
  ASSERT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.inputs[0].name, "x");
  EXPECT_EQ(graph.outputs[0].name, "y");
  const auto& ranges = graph.inputs[0].dims;
  ASSERT_EQ(ranges.size(), 4u);
  EXPECT_EQ(ranges[0].name, "d0");
  EXPECT_EQ(ranges[0].max, kOpenExtent);
  EXPECT_EQ(ranges[1].max, 3);
  const TensorType larger{DType::Float32, {2, 3, 5, 7}};
  const auto types = infer_types(graph, {&larger, 1});
  EXPECT_EQ(types[static_cast<size_t>(graph.outputs[0].value)].dims, larger.dims);
}

TEST(OnnxImport, ChannelsThatAreOpenAreThoseOfTheWeight) {
  auto graph = picture_graph({onnx_node("Conv", {"x", "w"}, {"y"})});
  graph.inputs = {test::onnx_value("x", {-1, -1, -1, -1})};
  graph.initializers = {test::onnx_tensor("w", {2, 4, 1, 1}, std::vector<float>(8))};
  const Graph result = import(test::onnx_model(graph));
  EXPECT_EQ(result.value(result.inputs[0].value).type.dims, (Dims{1, 4, 224, 224}));
  EXPECT_EQ(result.inputs[0].dims[1].max, 4);
}

TEST(OnnxImport, PicturesMayHaveTheirChannelsLast) {
  for (const int64_t channels : {1, 3}) {
    auto graph = picture_graph({onnx_node("Relu", {"x"}, {"y"})});
    graph.inputs = {test::onnx_value("x", {-1, -1, -1, channels})};
    const Graph result = import(test::onnx_model(graph));
    EXPECT_EQ(result.value(result.inputs[0].value).type.dims, (Dims{1, 224, 224, channels}));
  }
}

TEST(OnnxImport, WhatAConvolutionReadsHasItsChannelsFirst) {
  auto graph = picture_graph({onnx_node("Conv", {"x", "w"}, {"y"})});
  graph.inputs = {test::onnx_value("x", {-1, -1, -1, 1})};
  graph.initializers = {test::onnx_tensor("w", {2, 12, 9, 1}, std::vector<float>(216))};
  const Graph result = import(test::onnx_model(graph));
  EXPECT_EQ(result.value(result.inputs[0].value).type.dims, (Dims{1, 12, 224, 1}));
}

TEST(OnnxImport, ExtentsBeyondWhatAnInputMayHaveAreRefused) {
  auto graph = picture_graph({onnx_node("Relu", {"x"}, {"y"})});
  graph.inputs = {test::onnx_value("x", {-1, int64_t{1} << 62})};
  expect_error(ErrorCode::InvalidArgument, "input 'x': axis 1 is 4611686018427387904, expected",
               [&] { import(test::onnx_model(graph)); });
}

TEST(OnnxImport, ListsAllThatIsNotSupported) {
  const auto graph =
      picture_graph({onnx_node("Foo", {"x"}, {"a"}, {}, "first"), onnx_node("Relu", {"a"}, {"b"}),
                     onnx_node("Bar", {"x"}, {"c"}, {}, "second", "com.example"),
                     onnx_node("Relu", {"x"}, {"y"})});
  expect_error(ErrorCode::Unsupported, "2 of 4 nodes are not supported",
               [&] { import(test::onnx_model(graph)); });
  expect_error(ErrorCode::Unsupported, "Foo 'first'", [&] { import(test::onnx_model(graph)); });
  expect_error(ErrorCode::Unsupported, "com.example.Bar 'second'",
               [&] { import(test::onnx_model(graph)); });
}

TEST(OnnxImport, RefusesAttributesItDoesNotKnow) {
  const auto graph = picture_graph({onnx_node("Relu", {"x"}, {"y"}, {onnx_attribute("slope", 1)})});
  expect_error(ErrorCode::Unsupported, "attribute 'slope'",
               [&] { import(test::onnx_model(graph)); });
}

TEST(OnnxImport, NamesWhatIsMalformed) {
  const auto refuse = [](ErrorCode code, const std::string& text, std::vector<Message> nodes) {
    expect_error(code, text, [&] { import(test::onnx_model(picture_graph(nodes))); });
  };
  refuse(ErrorCode::CorruptFile, "no node before it makes its input 'later'",
         {onnx_node("Relu", {"later"}, {"y"}), onnx_node("Relu", {"x"}, {"later"})});
  refuse(ErrorCode::CorruptFile, "name of another value",
         {onnx_node("Relu", {"x"}, {"y"}), onnx_node("Abs", {"x"}, {"y"})});
  refuse(ErrorCode::InvalidArgument, "input 1 is not given",
         {onnx_node("Add", {"x"}, {"z"}), onnx_node("MatMul", {"z"}, {"y"})});
  refuse(ErrorCode::CorruptFile, "output 'y' comes from nowhere",
         {onnx_node("Relu", {"x"}, {"z"})});
  refuse(ErrorCode::InvalidArgument, "softmax 'Softmax_0': axis 7",
         {onnx_node("Softmax", {"x"}, {"y"}, {onnx_attribute("axis", 7)})});
}

TEST(OnnxImport, RefusesConvolutionsThatDoNotFit) {
  const auto refuse = [](const std::string& text, std::vector<Message> attributes,
                         const std::vector<int64_t>& weight = {2, 3, 1, 1}) {
    auto graph = picture_graph({onnx_node("Conv", {"x", "w"}, {"y"}, attributes, "c")});
    graph.initializers = {test::onnx_tensor(
        "w", weight, std::vector<float>(static_cast<size_t>(num_elements(weight))))};
    expect_error(ErrorCode::InvalidArgument, text, [&] { import(test::onnx_model(graph)); });
  };
  using List = std::vector<int64_t>;
  refuse("groups 2 do not divide", {onnx_attribute("group", 2)});
  refuse("weight 2x1x1x4 takes 4", {onnx_attribute("strides", List{2, 2})}, {2, 4, 1, 1});
  refuse("stride 0 must be positive", {onnx_attribute("strides", List{0, 1})});
  refuse("'pads' has 3 entries", {onnx_attribute("pads", List{1, 1, 1})});
  refuse("padding -1 is negative", {onnx_attribute("pads", List{-1, 0, 0, 0})});
  refuse("dilation",
         {onnx_attribute("dilations", List{1, int64_t{1} << 62}),
          onnx_attribute("strides", List{2, 1})},
         {2, 3, 1, 3});
}

TEST(OnnxImport, ConvolutionsAreChannelsLast) {
  auto graph = picture_graph({onnx_node("Conv", {"x", "w", "b"}, {"y"})});
  graph.initializers = {test::onnx_tensor("w", {2, 3, 1, 2}, std::vector<float>(12)),
                        test::onnx_tensor("b", {2}, {1, 2})};
  const Graph result = import(test::onnx_model(graph));
  ASSERT_EQ(result.nodes.size(), 3u);
  EXPECT_EQ(result.nodes[0].kind, OpKind::Transpose);
  EXPECT_EQ(result.nodes[1].kind, OpKind::Conv);
  EXPECT_EQ(result.value(result.nodes[1].inputs[1]).type.dims, (Dims{2, 1, 2, 3}));
  EXPECT_EQ(result.nodes[2].kind, OpKind::Transpose);
}

Message function(const std::string& name, std::vector<Message> nodes) {
  Message message;
  message.bytes(1, name).bytes(4, "a").bytes(5, "b").bytes(10, "local");
  for (const Message& node : nodes) message.add(7, node);
  return message.add(9, Message().bytes(1, "").integer(2, 17))
      .add(9, Message().bytes(1, "local").integer(2, 1));
}

TEST(OnnxImport, InlinesFunctions) {
  Message slope = Message().bytes(1, "alpha").bytes(21, "slope").integer(20, 1);
  const Message twice = function("Twice", {onnx_node("LeakyRelu", {"a"}, {"c"}, {slope}, "leak"),
                                           onnx_node("Relu", {"c"}, {"b"})});
  const Message half = Message().bytes(1, "slope").number(2, 0.5f).integer(20, 1);
  const auto graph = picture_graph({onnx_node("Twice", {"x"}, {"y"}, {half}, "call", "local")});
  const Graph result = import(test::onnx_model(graph, 17, {twice}));
  ASSERT_EQ(result.nodes.size(), 2u);
  EXPECT_EQ(result.nodes[0].source, "call/leak");
  EXPECT_EQ(result.nodes[0].as<UnaryAttrs>().alpha, 0.5f);
}

TEST(OnnxImport, FunctionsThatCallEachOtherEnd) {
  const Message ping = function("Ping", {onnx_node("Pong", {"a"}, {"b"}, {}, "p", "local")});
  const Message pong = function("Pong", {onnx_node("Ping", {"a"}, {"b"}, {}, "q", "local")});
  const auto graph = picture_graph({onnx_node("Ping", {"x"}, {"y"}, {}, "call", "local")});
  expect_error(ErrorCode::InvalidArgument, "nested more than 64 deep", [&] {
    import(test::onnx_model(graph, 17, {ping, pong}));
  });
}

TEST(OnnxImport, TakesTheBranchOfAConstantCondition) {
  const auto branch = [](const char* op) {
    test::OnnxGraph inner;
    inner.nodes = {onnx_node(op, {"x"}, {"r"})};
    inner.outputs = {test::onnx_value("r", {-1, 3, -1, -1})};
    return inner.message();
  };
  auto graph = picture_graph({onnx_node(
      "If", {"c"}, {"y"},
      {onnx_attribute("then_branch", branch("Relu")), onnx_attribute("else_branch", branch("Abs"))},
      "if")});
  graph.initializers = {Message().integer(2, 9).bytes(8, "c").bytes(9, std::string_view("\0", 1))};
  const Graph result = import(test::onnx_model(graph));
  ASSERT_EQ(result.nodes.size(), 1u);
  EXPECT_TRUE(is(result.nodes[0], UnaryFunction::Abs));
  graph.initializers.clear();
  graph.inputs.push_back(test::onnx_value("c", {}, 9));
  expect_error(ErrorCode::Unsupported, "If 'if': its condition depends on the input",
               [&] { import(test::onnx_model(graph)); });
}

/// y = the last of three reciprocals of x, and all of them.
test::OnnxGraph loop_graph() {
  test::OnnxGraph body;
  body.inputs = {test::onnx_value("i", {}, 7), test::onnx_value("go", {}, 9),
                 test::onnx_value("v", {-1, 3, -1, -1})};
  body.outputs = {test::onnx_value("go_on", {}, 9), test::onnx_value("w", {-1, 3, -1, -1}),
                  test::onnx_value("list", {-1, 3, -1, -1})};
  body.nodes = {onnx_node("Identity", {"go"}, {"go_on"}), onnx_node("Reciprocal", {"v"}, {"w"}),
                onnx_node("Identity", {"w"}, {"list"})};
  auto graph = picture_graph({onnx_node("Loop", {"trips", "", "x"}, {"y", "all"},
                                        {onnx_attribute("body", body.message())}, "loop")});
  return graph;
}

TEST(OnnxImport, UnrollsALoopOfConstantTrips) {
  auto graph = loop_graph();
  graph.outputs.push_back(test::onnx_value("all", {-1, -1, 3, -1, -1}));
  graph.initializers = {test::onnx_list("trips", {3})};
  const Graph result = import(test::onnx_model(graph));
  const auto count = [&](OpKind kind) {
    return std::count_if(result.nodes.begin(), result.nodes.end(),
                         [&](const Node& node) { return node.kind == kind; });
  };
  EXPECT_EQ(count(OpKind::Unary), 3) << print(result);
  EXPECT_EQ(count(OpKind::Concat), 1) << print(result);
  EXPECT_EQ(result.value(result.outputs[1].value).type.dims[0], 3);
  graph.initializers = {test::onnx_list("trips", {int64_t{1} << 40})};
  expect_error(ErrorCode::Unsupported, "Loop 'loop': more than 4096 trips",
               [&] { import(test::onnx_model(graph)); });
  graph.initializers.clear();
  graph.inputs.push_back(test::onnx_value("trips", {1}, 7));
  expect_error(ErrorCode::Unsupported, "Loop 'loop': its trip count or condition depends",
               [&] { import(test::onnx_model(graph)); });
}

/// Running sums of the rows of x [3, 2], from the last row on, and the sum of all.
test::OnnxGraph scan_graph() {
  test::OnnxGraph body, graph;
  body.inputs = {test::onnx_value("s", {2}), test::onnx_value("row", {2})};
  body.outputs = {test::onnx_value("t", {2}), test::onnx_value("u", {2})};
  body.nodes = {onnx_node("Add", {"s", "row"}, {"t"}), onnx_node("Identity", {"t"}, {"u"})};
  graph.inputs = {test::onnx_value("x", {3, 2})};
  graph.outputs = {test::onnx_value("sum", {2}), test::onnx_value("sums", {2, 3})};
  graph.initializers = {test::onnx_tensor("zero", {2}, {0, 0})};
  graph.nodes = {
      onnx_node("Scan", {"zero", "x"}, {"sum", "sums"},
                {onnx_attribute("body", body.message()), onnx_attribute("num_scan_inputs", 1),
                 onnx_attribute("scan_input_directions", std::vector<int64_t>{1}),
                 onnx_attribute("scan_output_axes", std::vector<int64_t>{-1})},
                "scan")};
  return graph;
}

TEST(OnnxImport, UnrollsAScanOfFixedExtents) {
  auto graph = scan_graph();
  const Graph result = import(test::onnx_model(graph));
  std::vector<int64_t> begins;
  for (const vitro::Node& node : result.nodes)
    if (node.kind == OpKind::Slice) begins.push_back(node.as<SliceAttrs>().begins[0]);
  EXPECT_EQ(begins, (std::vector<int64_t>{2, 1, 0})) << print(result);
  EXPECT_EQ(result.value(result.outputs[0].value).type.dims, (Dims{2}));
  EXPECT_EQ(result.value(result.outputs[1].value).type.dims, (Dims{2, 3}));
  graph.inputs = {test::onnx_value("x", {-1, 2})};
  expect_error(ErrorCode::Unsupported,
               "Scan 'scan': its trip count depends on extents that are open",
               [&] { import(test::onnx_model(graph)); });
  graph.inputs = {test::onnx_value("x", {5000, 2})};
  expect_error(ErrorCode::Unsupported, "Scan 'scan': more than 4096 trips",
               [&] { import(test::onnx_model(graph)); });
  expect_error(ErrorCode::Unsupported, "what opset 8 means",
               [&] { import(test::onnx_model(scan_graph(), 8)); });
}

TEST(OnnxImport, RefusesPositionsThatAreNotThere) {
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", {4, 2}), test::onnx_value("u", {1, 2})};
  graph.outputs = {test::onnx_value("y", {4, 2})};
  graph.nodes = {onnx_node("ScatterND", {"x", "places", "u"}, {"y"}, {}, "scatter")};
  Message places = Message().integer(1, 1).integer(1, 1).integer(2, 7).bytes(8, "places");
  const int64_t place = 4;
  places.bytes(9, {reinterpret_cast<const char*>(&place), sizeof(place)});
  graph.initializers = {places};
  expect_error(ErrorCode::InvalidArgument, "position 4 of an axis of 4",
               [&] { import(test::onnx_model(graph)); });
}

// Positions (row, column) in each of two images of 3x4.
TEST(OnnxImport, GathersListsOfPositionsBehindImages) {
  test::OnnxGraph graph;
  graph.outputs = {test::onnx_value("y", {2, 1})};
  graph.nodes = {
      onnx_node("GatherND", {"x", "places"}, {"y"}, {onnx_attribute("batch_dims", 1)}, "gather")};
  Message places = Message().integer(1, 2).integer(1, 1).integer(1, 2).integer(2, 7);
  const std::array<int64_t, 4> at{2, 1, -1, 3};
  places.bytes(8, "places").bytes(9, {reinterpret_cast<const char*>(at.data()), sizeof(at)});
  std::vector<float> images(24);
  std::iota(images.begin(), images.end(), 0);
  graph.initializers = {places, test::onnx_tensor("x", {2, 3, 4}, images)};
  const Graph result = import_onnx(test::onnx_model(graph).span(), "m.onnx", evaluate_constants);
  const auto& y = result.value(result.outputs[0].value).constant;
  ASSERT_TRUE(y);
  EXPECT_EQ(y->type.dims, (Dims{2, 1}));
  EXPECT_EQ(std::vector<float>(y->floats().begin(), y->floats().end()),
            (std::vector<float>{9, 23}));
}

// log(0), and sums and squares beyond 64 bits, which wrap around.
TEST(OnnxImport, ReductionsOfIntegersStayIntegers) {
  const int64_t large = int64_t{1} << 62, least = std::numeric_limits<int64_t>::min();
  for (const auto& [op, values, expected] :
       {std::tuple<const char*, std::vector<int64_t>, int64_t>{"ReduceLogSum", {0, 0}, least},
        {"ReduceSum", {large, large}, least},
        {"ReduceSumSquare", {large, 3}, 9},
        {"ReduceProd", {large, 2}, least},
        {"ReduceL1", {least, -2}, least + 2}}) {
    test::OnnxGraph graph;
    graph.outputs = {test::onnx_value("y", {1}, 7)};
    graph.initializers = {test::onnx_list("x", values)};
    graph.nodes = {onnx_node(op, {"x"}, {"y"})};
    const Graph result = import_onnx(test::onnx_model(graph).span(), "m.onnx", evaluate_constants);
    const auto& y = result.value(result.outputs[0].value).constant;
    ASSERT_TRUE(y) << op;
    EXPECT_EQ(contents_of(*y), Ints{expected}) << op;
  }
}

TEST(OnnxImport, RefusesSparseInitialisersAndInputsWithoutShapes) {
  auto graph = picture_graph({onnx_node("Relu", {"x"}, {"y"})});
  Message sparse = graph.message();
  sparse.add(15, Message().add(1, test::onnx_tensor("thin", {1}, {1})));
  const Message model = Message().integer(1, 8).add(7, sparse).add(8, Message().integer(2, 17));
  expect_error(ErrorCode::Unsupported, "'thin' is sparse", [&] { import(model); });
  graph.inputs = {Message().bytes(1, "x").add(2, Message().add(1, Message().integer(1, 1)))};
  expect_error(ErrorCode::Unsupported, "input 'x' has no shape",
               [&] { import(test::onnx_model(graph)); });
}

TEST(OnnxImport, NamesThatCannotBeShownAreReplaced) {
  const std::string name("a\n\0\xff: b", 7);
  auto graph =
      picture_graph({onnx_node("Relu", {"x"}, {name}, {}, name), onnx_node("Abs", {name}, {"y"})});
  const Graph result = import(test::onnx_model(graph));
  EXPECT_EQ(result.nodes[0].source, "a???: b");
  EXPECT_EQ(graph_to_json(result).empty(), false);
}

}  // namespace
}  // namespace vitro
