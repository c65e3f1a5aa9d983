#include <gtest/gtest.h>

#include <cstring>

#include "formats/hostile.h"
#include "formats/safetensors.h"
#include "frontend/onnx_refused.h"

// Graphs that are well-formed files and no models, or unusual ones. Ops: onnx_hostile_ops_test.cpp;
// bytes and tensors: tests/formats/onnx_hostile_test.cpp; external data:
// tests/formats/onnx_external_test.cpp.
namespace vitro::test {
namespace {

Message graph_of(std::vector<Message> nodes, std::vector<Message> inputs,
                 std::vector<Message> outputs) {
  OnnxGraph graph;
  graph.nodes = std::move(nodes);
  graph.inputs = std::move(inputs);
  graph.outputs = std::move(outputs);
  return graph.message();
}
/// A function of a that gives b.
Message function(const std::string& name, std::vector<Message> nodes) {
  Message message;
  message.bytes(1, name).bytes(4, "a").bytes(5, "b").bytes(10, "local");
  for (const Message& node : nodes) message.add(7, node);
  return message.add(9, Message().bytes(1, "").integer(2, 17))
      .add(9, Message().bytes(1, "local").integer(2, 1));
}

class OnnxGraphs : public testing::TestWithParam<Refused> {};
TEST_P(OnnxGraphs, AreRefusedByName) {
  expect_error(GetParam().code, GetParam().text, [] { import(GetParam().model); });
}

// ---- Nodes and names --------------------------------------------------------------------------

std::vector<Refused> bad_structures() {
  using enum ErrorCode;
  const auto relu = [](const char* from, const char* to) {
    return onnx_node("Relu", {from}, {to});
  };
  OnnxGraph twice;
  twice.inputs = {onnx_value("x", {1}), onnx_value("x", {1})};
  twice.outputs = {onnx_value("y", {1})};
  twice.nodes = {relu("x", "y")};
  OnnxGraph outputs = twice;
  outputs.inputs.pop_back();
  outputs.outputs = {onnx_value("y", {1}), onnx_value("y", {1})};
  OnnxGraph no_outputs = outputs;
  no_outputs.outputs.clear();
  OnnxGraph deep = outputs;
  deep.inputs = {onnx_value("x", List(100, 1))};
  deep.outputs.pop_back();
  OnnxGraph large = deep;
  large.inputs = {onnx_value("x", {int64_t{1} << 40, int64_t{1} << 40})};
  OnnxGraph text = deep;
  text.inputs = {onnx_value("x", {1}, 8)};
  return {
      {"unknown_op", Unsupported, "Foo 'Foo_0'", model({onnx_node("Foo", {"x"}, {"y"})})},
      {"op_without_a_name", Unsupported, "", model({onnx_node("", {"x"}, {"y"})})},
      {"unknown_domain", Unsupported, "com.example.Relu",
       model({onnx_node("Relu", {"x"}, {"y"}, {}, "", "com.example")})},
      {"opset_0", Unsupported, "what opset 0 means", model({relu("x", "y")}, {}, 0)},
      {"opset_below_0", Unsupported, "what opset -1 means", model({relu("x", "y")}, {}, -1)},
      {"cycle", CorruptFile, "no node before it makes its input",
       model({relu("b", "a"), relu("a", "b"), relu("b", "y")})},
      {"node_of_itself", CorruptFile, "no node before it makes its input 'y'",
       model({relu("y", "y")})},
      {"two_results_of_one_name", CorruptFile, "name of another value",
       model({relu("x", "y"), relu("x", "y")})},
      {"result_with_the_name_of_an_input", CorruptFile, "name of another value",
       model({relu("x", "x")})},
      {"two_initialisers_of_one_name", CorruptFile, "two initialisers are named 'w'",
       model({relu("x", "y")}, {weight({1}), weight({1})})},
      {"two_inputs_of_one_name", CorruptFile, "two inputs are named 'x'", onnx_model(twice)},
      {"two_outputs_of_one_name", CorruptFile, "two outputs are named 'y'", onnx_model(outputs)},
      {"without_outputs", CorruptFile, "no outputs", onnx_model(no_outputs)},
      {"output_from_nowhere", CorruptFile, "output 'y' comes from nowhere",
       model({relu("x", "z")})},
      {"operand_that_is_not_given", InvalidArgument, "input 1 is not given",
       model({onnx_node("MatMul", {"x"}, {"y"})})},
      {"rank_100", Unsupported, "input 'x' has 100 axes", onnx_model(deep)},
      {"extents_that_overflow", InvalidArgument, "", onnx_model(large)},
      {"input_of_texts", Unsupported, "STRING", onnx_model(text)},
      {"attribute_of_another_type", InvalidArgument, "alpha",
       model({onnx_node("LeakyRelu", {"x"}, {"y"}, {onnx_attribute("alpha", 1)})})},
  };
}
INSTANTIATE_TEST_SUITE_P(Structure, OnnxGraphs, testing::ValuesIn(bad_structures()), name_of);

// ---- Functions and graphs in graphs
// ---------------------------------------------------------------

/// A function that calls the next one, `depth` times.
Message chain(int depth) {
  std::vector<Message> functions;
  for (int i = 0; i < depth; ++i) {
    const bool is_last = i + 1 == depth;
    functions.push_back(function("f" + std::to_string(i),
                                 {onnx_node(is_last ? "Relu" : "f" + std::to_string(i + 1), {"a"},
                                            {"b"}, {}, "n", is_last ? "" : "local")}));
  }
  return model({onnx_node("f0", {"x"}, {"y"}, {}, "call", "local")}, {}, 17, functions);
}

std::vector<Refused> bad_nests() {
  using enum ErrorCode;
  const auto call = [](std::vector<std::string> inputs, std::vector<std::string> outputs) {
    return onnx_node("F", inputs, outputs, {}, "call", "local");
  };
  const Message self = function("F", {onnx_node("F", {"a"}, {"b"}, {}, "again", "local")}),
                makes_c = function("F", {onnx_node("Relu", {"a"}, {"c"})});
  const Message branch = graph_of({onnx_node("Relu", {"x"}, {"r"})}, {}, {onnx_value("r", {})});
  const Message one_result = graph_of({}, {}, {});
  const Message scan_body =
      graph_of({onnx_node("Add", {"s", "v"}, {"t"})}, {onnx_value("s", {}), onnx_value("v", {})},
               {onnx_value("t", {})});
  return {
      {"function_that_calls_itself", InvalidArgument, "nested more than 64 deep",
       model({call({"x"}, {"y"})}, {}, 17, {self})},
      {"functions_3000_deep", InvalidArgument, "nested more than 64 deep", chain(3000)},
      {"function_that_makes_no_result", CorruptFile, "its function makes no 'b'",
       model({call({"x"}, {"y"})}, {}, 17, {makes_c})},
      {"function_with_more_results", CorruptFile,
       "1 inputs and 2 outputs, its function has 1 and 1",
       model({call({"x"}, {"y", "z"})}, {}, 17, {makes_c})},
      {"function_with_more_operands", CorruptFile, "2 inputs",
       model({call({"x", "x"}, {"y"})}, {}, 17, {makes_c})},
      {"if_of_the_input", Unsupported, "If 'If_0'",
       model({onnx_node(
           "If", {"x"}, {"y"},
           {onnx_attribute("then_branch", branch), onnx_attribute("else_branch", branch)})})},
      {"if_without_a_branch", InvalidArgument, "'else_branch' has no graph",
       model({onnx_node("If", {"x"}, {"y"}, {onnx_attribute("then_branch", branch)})})},
      {"loop_without_a_body", InvalidArgument, "'body' has no graph",
       model({onnx_node("Loop", {"", "", "x"}, {"y"})})},
      {"loop_with_another_body", InvalidArgument, "of the body",
       model({onnx_node("Loop", {"list", "", "x"}, {"y"}, {onnx_attribute("body", one_result)})},
             {onnx_list("list", {2})})},
      {"loop_without_an_end", Unsupported, "Loop 'Loop_0'",
       model({onnx_node(
           "Loop", {"", "", "x"}, {"y"},
           {onnx_attribute(
               "body",
               graph_of({onnx_node("Identity", {"c"}, {"d"}), onnx_node("Relu", {"v"}, {"w"})},
                        {onnx_value("i", {}, 7), onnx_value("c", {}, 9), onnx_value("v", {})},
                        {onnx_value("d", {}, 9), onnx_value("w", {})}))})})},
      {"scan_without_a_body", InvalidArgument, "'body' has no graph",
       model({onnx_node("Scan", {"x"}, {"y"}, {onnx_attribute("num_scan_inputs", 1)})})},
      {"scan_of_more_than_it_has", InvalidArgument, "num_scan_inputs is 3 of 2 inputs",
       model(
           {onnx_node("Scan", {"x", "x"}, {"y"},
                      {onnx_attribute("body", scan_body), onnx_attribute("num_scan_inputs", 3)})})},
      {"scan_with_another_body", InvalidArgument, "of the body",
       model(
           {onnx_node("Scan", {"x"}, {"y"},
                      {onnx_attribute("body", scan_body), onnx_attribute("num_scan_inputs", 1)})})},
      {"scan_of_an_axis_that_is_not_there", InvalidArgument, "axis 7",
       model({onnx_node("Scan", {"x", "x"}, {"y"},
                        {onnx_attribute("body", scan_body), onnx_attribute("num_scan_inputs", 1),
                         onnx_attribute("scan_input_axes", List{7})})})},
      {"scan_with_more_directions", InvalidArgument, "2 scan_input_directions",
       model({onnx_node("Scan", {"x", "x"}, {"y"},
                        {onnx_attribute("body", scan_body), onnx_attribute("num_scan_inputs", 1),
                         onnx_attribute("scan_input_directions", List{0, 1})})})},
  };
}
INSTANTIATE_TEST_SUITE_P(Nests, OnnxGraphs, testing::ValuesIn(bad_nests()), name_of);

// ---- What is unusual, and has a meaning
// ----------------------------------------------------------

TEST(OnnxGraph, MayHaveAFutureOpset) {
  EXPECT_EQ(import(model({onnx_node("Relu", {"x"}, {"y"})}, {}, 999)).nodes.size(), 1u);
}

TEST(OnnxGraph, MayAskForMuch) {
  const Graph operands = import(model({onnx_node("Concat", std::vector<std::string>(1'000'000, "x"),
                                                 {"y"}, {onnx_attribute("axis", 0)})}));
  EXPECT_EQ(operands.value(operands.outputs[0].value).type.dims, (Dims{2'000'000, 4, 6, 6}));
  const int64_t pad = int64_t{1} << 31;
  const Graph padded = import(conv({onnx_attribute("pads", List{pad, 0, 0, 0})}));
  EXPECT_EQ(padded.value(padded.outputs[0].value).type.dims, (Dims{2, 8, pad + 4, 4}));
}

TEST(OnnxGraph, MayBeALongChain) {
  std::vector<Message> nodes;
  constexpr int kNodes = 50'000;
  for (int i = 0; i < kNodes; ++i)
    nodes.push_back(onnx_node("Relu", {i == 0 ? "x" : std::to_string(i - 1)},
                              {i + 1 == kNodes ? "y" : std::to_string(i)}));
  EXPECT_EQ(import(model(std::move(nodes))).nodes.size(), static_cast<size_t>(kNodes));
}

TEST(OnnxGraph, MayHaveAnyNames) {
  for (const std::string& name :
       {std::string("a\0b", 3), std::string("a\nb"), std::string("a: b"), std::string(1 << 20, 'n'),
        std::string("\xff\xfe\x80"), std::string("\xed\xa0\x80")}) {
    const Graph graph = import(
        model({onnx_node("Relu", {"x"}, {name}, {}, name), onnx_node("Abs", {name}, {"y"})}));
    EXPECT_LE(graph.nodes[0].source.size(), 203u);
    EXPECT_FALSE(graph_to_json(graph).empty());
    for (const char c : graph.nodes[0].source) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

TEST(OnnxGraph, MayTakeOtherPicturesAndHaveNoBias) {
  const Graph graph = import(conv({}));
  EXPECT_EQ(graph.value(graph.inputs[0].value).type.dims, (Dims{2, 4, 6, 6}));
}

TEST(OnnxGraph, MayHaveAnyWeights) {
  const std::vector<float> values{NAN, INFINITY, -INFINITY, 1e-45f, -0.0f, 3.4e38f};
  const Graph graph =
      import(model({onnx_node("Mul", {"x", "w"}, {"y"})}, {onnx_tensor("w", {6}, values)}));
  for (const Value& value : graph.values) {
    if (!value.constant) continue;
    EXPECT_EQ(std::memcmp(value.constant->bytes.data(), values.data(), 24), 0) << "bits stay";
  }
}

TEST(OnnxGraph, MayHaveAnyByteChanged) {
  const TensorFile file = read_safetensors(
      MappedFile::open(VITRO_SOURCE_DIR "/tests/ops/data/onnx_exports.safetensors"));
  const auto read = [](std::span<const std::byte> bytes) { import_onnx(bytes, "m.onnx"); };
  for (const TensorEntry& tensor : file.tensors)
    if (tensor.name == "resnet_18/model" || tensor.name == "vit_17/model")
      expect_mutations_are_harmless(read, tensor.bytes, 300);
}

}  // namespace
}  // namespace vitro::test
