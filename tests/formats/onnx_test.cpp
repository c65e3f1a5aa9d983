#include <gtest/gtest.h>

#include "formats/onnx_bytes.h"
#include "formats/onnx_model.h"

namespace vitro::onnx {
namespace {

using test::Message;

Model parse(const Message& message) { return parse_model(message.span(), "m.onnx"); }

test::OnnxGraph small_graph() {
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", {-1, 3})};
  graph.outputs = {test::onnx_value("y", {-1, 3})};
  graph.initializers = {test::onnx_tensor("w", {3}, {1, 2, 3})};
  graph.nodes = {test::onnx_node("Mul", {"x", "w"}, {"y"}, {}, "scale")};
  return graph;
}

TEST(OnnxModel, HasWhatWasWritten) {
  const Message message = test::onnx_model(small_graph());
  const Model model = parse(message);
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.producer, "test");
  ASSERT_EQ(model.opsets.size(), 1u);
  EXPECT_EQ(model.opsets[0].version, 17);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  const Node& node = model.graph.nodes[0];
  EXPECT_EQ(node.op, "Mul");
  EXPECT_EQ(node.name, "scale");
  EXPECT_EQ(node.inputs, (std::vector<std::string_view>{"x", "w"}));
  ASSERT_EQ(model.graph.inputs.size(), 1u);
  const auto& shape = *model.graph.inputs[0].shape;
  EXPECT_EQ(shape[0].symbol, "d0");
  EXPECT_EQ(shape[1].value, 3);
  TensorData data("m.onnx");
  std::vector<std::byte> storage;
  const auto bytes = data.elements(model.graph.initializers[0], storage);
  const auto file = message.span();
  EXPECT_EQ(bytes.size(), 12u);
  EXPECT_TRUE(bytes.data() > file.data() && bytes.data() < file.data() + file.size())
      << "a view of the file";
}

TEST(OnnxModel, SkipsFieldsItDoesNotKnow) {
  Message message = test::onnx_model(small_graph());
  message.integer(900, 7).bytes(901, "later").number(902, 1.0f);
  EXPECT_EQ(parse(message).graph.nodes.size(), 1u);
}

TEST(OnnxModel, IsToldByItsFirstBytes) {
  const auto looks = [](std::string_view text) {
    return looks_like_onnx(std::as_bytes(std::span(text)));
  };
  EXPECT_TRUE(looks("\x08\x07\x12\x07pytorch"));
  EXPECT_TRUE(looks("\x08\x07\x3a\x01"));
  EXPECT_FALSE(looks("\x08\x07"));
  EXPECT_FALSE(looks(std::string_view("\x08\x07\x12\0\0\0\0\0{\"a\"", 12)));
}

class OnnxTensor : public testing::Test {
 protected:
  std::span<const std::byte> elements(const Message& message) {
    bytes_ = message.text();
    tensor_ = parse_tensor(std::as_bytes(std::span(bytes_)), "t");
    return data_.elements(tensor_, storage_);
  }

  TensorData data_{"m.onnx"};
  std::string bytes_;
  Tensor tensor_;
  std::vector<std::byte> storage_;
};

TEST_F(OnnxTensor, ReadsEveryField) {
  EXPECT_EQ(elements(test::onnx_tensor("w", {2}, {1, 2})).size(), 8u);
  EXPECT_EQ(elements(Message().integer(1, 2).integer(2, 1).number(4, 1).number(4, 2)).size(), 8u);
  const auto halves =
      elements(Message().integer(1, 2).integer(2, 10).integer(5, 0x3c00).integer(5, 0));
  EXPECT_EQ(std::vector(halves.begin(), halves.end()),
            (std::vector{std::byte{0}, std::byte{0x3c}, std::byte{0}, std::byte{0}}));
  EXPECT_EQ(elements(Message().integer(2, 7).integer(7, -1)).size(), 8u) << "a scalar";
  EXPECT_EQ(elements(Message().integer(1, 0).integer(2, 7)).size(), 0u);
}

}  // namespace
}  // namespace vitro::onnx
