#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "formats/hostile.h"
#include "formats/onnx_bytes.h"
#include "formats/onnx_model.h"
#include "formats/onnx_wire.h"

namespace vitro::onnx {
namespace {

using test::expect_error;
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

TEST(OnnxModel, NamesOffsetAndField) {
  expect_error(ErrorCode::CorruptFile, "ModelProto.graph near byte",
               [] { parse(Message().integer(7, 1)); });
  expect_error(ErrorCode::CorruptFile, "NodeProto.op_type",
               [] { parse(Message().add(7, Message().add(1, Message().integer(4, 1)))); });
  expect_error(ErrorCode::CorruptFile, "without a ModelProto.graph",
               [] { parse(Message().integer(1, 8)); });
  const std::string cut =
      "\x3a\x7f"
      "abc";
  expect_error(ErrorCode::CorruptFile, "127 bytes wanted, 3 are left",
               [&] { parse_model(std::as_bytes(std::span(cut)), "m.onnx"); });
}

TEST(OnnxModel, BoundsNestingAndEntries) {
  Message graph;
  for (int i = 0; i < 100; ++i)
    graph = Message().add(1, Message().add(5, Message().bytes(1, "g").add(6, graph)));
  expect_error(ErrorCode::CorruptFile, "nested more than 64 deep",
               [&] { parse(Message().add(7, graph)); });
  // Two bytes for each node.
  const std::string nodes(std::string("\x0a\x00", 2));
  std::string many;
  for (int i = 0; i < 2'200'000; ++i) many += nodes;
  expect_error(ErrorCode::OutOfMemory, "more nodes", [&] { parse(Message().bytes(7, many)); });
}

TEST(OnnxModel, SurvivesHostileBytes) {
  const Message message = test::onnx_model(small_graph());
  const test::Parse read = [](std::span<const std::byte> bytes) {
    const Model model = parse_model(bytes, "m.onnx");
    TensorData data("m.onnx");
    std::vector<std::byte> storage;
    for (const Tensor& tensor : model.graph.initializers) data.elements(tensor, storage);
  };
  ASSERT_TRUE(test::parses(read, message.span()));
  for (size_t size = 0; size < message.text().size(); ++size)
    test::parses(read, message.span().first(size));
  test::expect_mutations_are_harmless(read, message.span(), 20000);
}

class OnnxTensor : public testing::Test {
 protected:
  std::span<const std::byte> elements(const Message& message) {
    bytes_ = message.text();
    tensor_ = parse_tensor(std::as_bytes(std::span(bytes_)), "t");
    return data_->elements(tensor_, storage_);
  }
  void expect_refused(ErrorCode code, const std::string& text, const Message& message) {
    expect_error(code, text, [&] { elements(message); });
  }
  Message external(const std::string& location, const std::string& offset = "0") {
    const auto entry = [](const std::string& key, const std::string& value) {
      return Message().bytes(1, key).bytes(2, value);
    };
    Message tensor;
    tensor.integer(1, 2).integer(2, 1).bytes(8, "w").integer(14, 1);
    return tensor.add(13, entry("location", location)).add(13, entry("offset", offset));
  }

  test::TemporaryDirectory folder_;
  std::unique_ptr<TensorData> data_ =
      std::make_unique<TensorData>(folder_.path() / "models" / "m.onnx");
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

TEST_F(OnnxTensor, RefusesWhatDoesNotFit) {
  expect_refused(ErrorCode::CorruptFile, "raw_data has 8 bytes, expected 12",
                 test::onnx_tensor("w", {3}, {1, 2}));
  expect_refused(ErrorCode::CorruptFile, "negative", test::onnx_tensor("w", {-1}, {1}));
  expect_refused(ErrorCode::CorruptFile, "overflow",
                 test::onnx_tensor("w", {1 << 30, 1 << 30, 1 << 30}, {1}));
  expect_refused(ErrorCode::CorruptFile, "2 fields", test::onnx_tensor("w", {1}, {1}).number(4, 1));
  expect_refused(ErrorCode::Unsupported, "STRING", Message().integer(2, 8).bytes(6, "text"));
  expect_refused(ErrorCode::Unsupported, "type 22", Message().integer(1, 2).integer(2, 22));
}

TEST_F(OnnxTensor, ReadsExternalDataInItsFolderOnly) {
  namespace fs = std::filesystem;
  const fs::path models = folder_.path() / "models";
  fs::create_directories(models / "sub");
  for (const fs::path& path :
       {models / "w.bin", models / "sub" / "w.bin", folder_.path() / "out.bin"})
    std::ofstream(path, std::ios::binary) << "123456789abc";
  fs::create_symlink(folder_.path() / "out.bin", models / "link.bin");
  fs::create_symlink(folder_.path(), models / "up");
  fs::create_symlink(models / "w.bin", models / "inside.bin");
  EXPECT_EQ(std::to_integer<char>(elements(external("w.bin", "4"))[0]), '5');
  EXPECT_EQ(elements(external("sub/w.bin")).size(), 8u);
  EXPECT_EQ(elements(external("inside.bin")).size(), 8u);
  for (const std::string location :
       {"../out.bin", "sub/../../out.bin", "link.bin", "up/out.bin", "/etc/hostname", "", ".",
        "file:///etc/hostname", "C:\\w.bin", "\\\\host\\w.bin"})
    expect_refused(ErrorCode::InvalidArgument, "'w'", external(location));
  expect_refused(ErrorCode::InvalidArgument, "absolute",
                 external((folder_.path() / "out.bin").string()));
  expect_refused(ErrorCode::CorruptFile, "bytes 5 to 13", external("w.bin", "5"));
  expect_refused(ErrorCode::CorruptFile, "which has 12", external("w.bin", "18446744073709551615"));
  expect_refused(ErrorCode::CorruptFile, "offset", external("w.bin", "-1"));
  expect_refused(ErrorCode::CorruptFile, "offset", external("w.bin", "x"));
  expect_refused(ErrorCode::NotFound, "", external("missing.bin"));
  expect_refused(ErrorCode::InvalidArgument, "", external("sub"));
}

}  // namespace
}  // namespace vitro::onnx
