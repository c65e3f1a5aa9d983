#include "formats/onnx_writer.h"

#include <gtest/gtest.h>

#include "core/check.h"
#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"

namespace vitro::onnx {
namespace {

using test::Message;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A model with everything that can be written, by another writer.
Message model() {
  test::OnnxGraph inner;
  inner.nodes = {test::onnx_node("Relu", {"x"}, {"z"}, {}, "relu")};
  inner.outputs = {test::onnx_value("z", {2})};
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", {-1, 3, -1, 40000}), test::onnx_value("scalar", {}, 9)};
  graph.outputs = {test::onnx_value("y", {2})};
  graph.initializers = {test::onnx_tensor("w", {2, 3}, {1, -2, 3, 4, 5, 6}),
                        test::onnx_list("", {-1, int64_t{1} << 40})};
  graph.nodes = {test::onnx_node(
      "If", {"c", "", "w"}, {"y"},
      {test::onnx_attribute("i", -5), test::onnx_attribute("list", {1, -1, 300}),
       test::onnx_attribute("text", "constant"), test::onnx_attribute("body", inner.message()),
       Message().bytes(1, "f").number(2, 0.5f).integer(20, 1),
       Message().bytes(1, "fs").number(7, 1.5f).number(7, -2).integer(20, 6),
       Message().bytes(1, "ss").bytes(9, "a").bytes(9, "").integer(20, 8),
       Message().bytes(1, "t").add(5, test::onnx_tensor("value", {1}, {7})).integer(20, 4)},
      "node", "some.domain")};
  Message bytes = test::onnx_model(graph);
  return bytes.add(14, Message().bytes(1, "key").bytes(2, "value"));
}

TEST(OnnxWriter, WritesWhatWasRead) {
  const Message first = model();
  const std::vector<std::byte> once = encode_model(parse_model(first.span(), "first"), "d").bytes;
  const std::vector<std::byte> twice = encode_model(parse_model(once, "once"), "d").bytes;
  EXPECT_TRUE(once == twice);
  const Model read = parse_model(once, "once");
  const Node& node = read.graph.nodes.at(0);
  EXPECT_EQ(read.ir_version, 8);
  EXPECT_EQ(read.opsets.at(0).version, 17);
  EXPECT_EQ(read.metadata.at("key"), "value");
  EXPECT_EQ(node.inputs, (std::vector<std::string_view>{"c", "", "w"}));
  EXPECT_EQ(node.domain, "some.domain");
  ASSERT_EQ(node.attributes.size(), 8u);
  EXPECT_EQ(node.attributes[0].i, -5);
  EXPECT_EQ(node.attributes[1].ints, (Ints{1, -1, 300}));
  EXPECT_EQ(node.attributes[2].s, "constant");
  EXPECT_EQ(node.attributes[3].graph->nodes.at(0).name, "relu");
  EXPECT_EQ(node.attributes[4].f, 0.5f);
  EXPECT_EQ(node.attributes[5].floats, (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(node.attributes[6].strings, (std::vector<std::string_view>{"a", ""}));
  EXPECT_EQ(node.attributes[7].tensor->dims, (Ints{1}));
  EXPECT_EQ(read.graph.inputs[0].shape->at(0).symbol, "d0");
  EXPECT_EQ(read.graph.inputs[0].shape->at(3).value, 40000);
  EXPECT_TRUE(read.graph.inputs[1].shape->empty());
  EXPECT_EQ(read.graph.inputs[1].type, ElementType::Bool);
  EXPECT_EQ(text_of(*read.graph.initializers[0].raw),
            text_of(*parse_model(first.span(), "first").graph.initializers[0].raw));
}

TEST(OnnxWriter, RefusesWhatDoesNotFit) {
  const Message bytes = model();
  const Model read = parse_model(bytes.span(), "model");
  // Small tensors do not go to a file of their own.
  test::expect_error(ErrorCode::Unsupported, "one file of ONNX at most 20",
                     [&] { encode_model(read, "d", 20); });
  Model decoded = read;
  decoded.graph.initializers[0].raw.reset();
  EXPECT_THROW(encode_model(decoded, "d"), Error);
}

TEST(OnnxWriter, PutsLargeElementsBesideAModelThatIsTooLarge) {
  test::OnnxGraph graph;
  graph.outputs = {test::onnx_value("y", {-1})};
  for (const int64_t count : {300, 2, 1025, 256})
    graph.initializers.push_back(test::onnx_tensor(
        "w" + std::to_string(count), {count},
        std::vector<float>(static_cast<size_t>(count), static_cast<float>(count))));
  const Message bytes = test::onnx_model(graph);
  const Model model = parse_model(bytes.span(), "model");
  EXPECT_TRUE(encode_model(model, "m.data").external.empty());
  const EncodedModel files = encode_model(model, "m.data", 4000);
  ASSERT_EQ(files.external.size(), 3u);
  EXPECT_EQ(files.external[0].offset, 0u);
  EXPECT_EQ(files.external[1].offset, 4096u);
  EXPECT_EQ(files.external[2].offset, 3 * 4096u) << "4100 bytes are two pages";
  EXPECT_EQ(files.external[1].bytes.data(), model.graph.initializers[2].raw->data()) << "no copy";
  const Model written = parse_model(files.bytes, "written");
  const Tensor& last = written.graph.initializers.at(3);
  EXPECT_TRUE(last.is_external && !last.raw);
  EXPECT_EQ(last.external.at("location"), "m.data");
  EXPECT_EQ(last.external.at("offset"), "12288");
  EXPECT_EQ(last.external.at("length"), "1024");
  EXPECT_EQ(written.graph.initializers[1].raw->size(), 8u);
}

}  // namespace
}  // namespace vitro::onnx
