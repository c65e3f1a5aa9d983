#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vitro::test {

/// Writes protobuf, field by field.
class Message {
 public:
  Message& integer(uint32_t field, int64_t value) {
    varint(field << 3);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& bytes(uint32_t field, std::string_view value) {
    varint(field << 3 | 2);
    varint(value.size());
    text_ += value;
    return *this;
  }
  Message& add(uint32_t field, const Message& value) { return bytes(field, value.text()); }
  Message& number(uint32_t field, float value) {
    varint(field << 3 | 5);
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  /// Bytes as they are.
  Message& append(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  const std::string& text() const { return text_; }
  std::span<const std::byte> span() const {
    return std::as_bytes(std::span<const char>(text_.data(), text_.size()));
  }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

/// TensorProto: dims, data_type, name, raw_data.
inline Message onnx_tensor(std::string_view name, const std::vector<int64_t>& dims,
                           const std::vector<float>& values) {
  Message tensor;
  for (const int64_t extent : dims) tensor.integer(1, extent);
  tensor.integer(2, 1).bytes(8, name);
  return tensor.bytes(
      9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}
inline Message onnx_list(std::string_view name, const std::vector<int64_t>& values) {
  Message tensor;
  tensor.integer(1, static_cast<int64_t>(values.size())).integer(2, 7).bytes(8, name);
  return tensor.bytes(
      9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t)});
}
/// AttributeProto: an integer, or a list.
inline Message onnx_attribute(std::string_view name, int64_t value) {
  return Message().bytes(1, name).integer(3, value).integer(20, 2);
}
inline Message onnx_attribute(std::string_view name, const std::vector<int64_t>& values) {
  Message attribute;
  attribute.bytes(1, name).integer(20, 7);
  for (const int64_t value : values) attribute.integer(8, value);
  return attribute;
}
inline Message onnx_attribute(std::string_view name, std::string_view value) {
  return Message().bytes(1, name).bytes(4, value).integer(20, 3);
}
inline Message onnx_attribute(std::string_view name, const Message& graph) {
  return Message().bytes(1, name).add(6, graph).integer(20, 5);
}
inline Message onnx_node(std::string_view op, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs,
                         const std::vector<Message>& attributes = {}, std::string_view name = "",
                         std::string_view domain = "") {
  Message node;
  for (const std::string& input : inputs) node.bytes(1, input);
  for (const std::string& output : outputs) node.bytes(2, output);
  node.bytes(3, name).bytes(4, op).bytes(7, domain);
  for (const Message& attribute : attributes) node.add(5, attribute);
  return node;
}
/// ValueInfoProto of float32, or of another type; an extent of -1 is open and has the name "d<i>".
inline Message onnx_value(std::string_view name, const std::vector<int64_t>& dims,
                          int64_t type = 1) {
  Message shape;
  for (size_t i = 0; i < dims.size(); ++i)
    shape.add(1, dims[i] >= 0 ? Message().integer(1, dims[i])
                              : Message().bytes(2, "d" + std::to_string(i)));
  return Message().bytes(1, name).add(2,
                                      Message().add(1, Message().integer(1, type).add(2, shape)));
}
struct OnnxGraph {
  std::vector<Message> nodes, inputs, outputs, initializers;
  Message message() const {
    Message graph;
    for (const Message& node : nodes) graph.add(1, node);
    for (const Message& tensor : initializers) graph.add(5, tensor);
    for (const Message& value : inputs) graph.add(11, value);
    for (const Message& value : outputs) graph.add(12, value);
    return graph;
  }
};
/// ModelProto, with functions if any.
inline Message onnx_model(const OnnxGraph& graph, int64_t opset = 17,
                          const std::vector<Message>& functions = {}) {
  Message model;
  model.integer(1, 8).bytes(2, "test").add(7, graph.message());
  model.add(8, Message().bytes(1, "").integer(2, opset));
  if (!functions.empty()) model.add(8, Message().bytes(1, "local").integer(2, 1));
  for (const Message& function : functions) model.add(25, function);
  return model;
}

}  // namespace vitro::test
