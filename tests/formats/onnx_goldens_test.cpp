#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <map>

#include "core/checksum.h"
#include "formats/onnx_model.h"
#include "formats/safetensors.h"

// What Vitro's reader sees in a model beside what protobuf's sees: tools/make_onnx_goldens.py has
// the same texts by PyPI's onnx.
namespace vitro::onnx {
namespace {

/// A model as a text, line by line.
class Text {
 public:
  static std::string of(const Model& model) {
    Text text;
    text.line("ir {}", model.ir_version);
    text.line("producer {} {}", model.producer, model.producer_version);
    text.opsets(model.opsets);
    for (const auto& [key, value] : model.metadata) text.line("metadata {}={}", key, value);
    text.graph(model.graph);
    for (const Function& function : model.functions) text.function(function);
    return text.text_;
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  static std::string bits(float value) {
    return fmt::format("{:08x}", std::bit_cast<uint32_t>(value));
  }
  static std::string hex(std::string_view text) {
    std::string digits;
    for (const char c : text) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return digits;
  }
  template <typename T, typename Show>
  static std::string list(const std::vector<T>& values, Show show) {
    std::vector<std::string> shown;
    for (const T& value : values) shown.push_back(show(value));
    return fmt::format("{}", fmt::join(shown, ","));
  }

  static std::string tensor(const Tensor& tensor) {
    TensorData data("m.onnx");
    std::vector<std::byte> storage;
    const bool has_numbers = dtype_of(tensor.type).has_value();
    return fmt::format("{} {} [{}] {}", tensor.name, static_cast<int>(tensor.type),
                       fmt::join(tensor.dims, ","),
                       has_numbers ? checksum(data.elements(tensor, storage)) : "-");
  }

  static std::string value(const ValueInfo& info) {
    if (!info.is_tensor) return fmt::format("{} no tensor", info.name);
    const auto show = [](const Extent& extent) {
      if (extent.value) return std::to_string(*extent.value);
      return extent.symbol.empty() ? "?" : std::string(extent.symbol);
    };
    return fmt::format("{} {} {}", info.name, static_cast<int>(info.type),
                       info.shape ? "[" + list(*info.shape, show) + "]" : "no shape");
  }

  static std::string value(const Attribute& attribute) {
    switch (attribute.type) {
      case Attribute::kFloat:
        return bits(attribute.f);
      case Attribute::kInt:
        return std::to_string(attribute.i);
      case Attribute::kString:
        return hex(attribute.s);
      case Attribute::kTensor:
        return tensor(*attribute.tensor);
      case Attribute::kFloats:
        return list(attribute.floats, bits);
      case Attribute::kInts:
        return fmt::format("{}", fmt::join(attribute.ints, ","));
      case Attribute::kStrings:
        return list(attribute.strings, hex);
      default:
        return "other";
    }
  }

  void attributes(const std::vector<Attribute>& list) {
    for (const Attribute& attribute : list) {
      const std::string head = fmt::format("attribute {} {}", attribute.name, attribute.type);
      if (!attribute.reference.empty()) {
        line("{} of {}", head, attribute.reference);
      } else if (attribute.type == Attribute::kGraph) {
        line("{}", head);
        graph(*attribute.graph);
        line("end");
      } else {
        line("{} {}", head, value(attribute));
      }
    }
  }

  void nodes(const std::vector<Node>& list) {
    for (const Node& node : list) {
      line("node {}.{} {} {} ({}) -> ({})", node.domain, node.op, node.name, node.overload,
           fmt::join(node.inputs, ","), fmt::join(node.outputs, ","));
      attributes(node.attributes);
    }
  }

  void opsets(const std::vector<Opset>& list) {
    for (const Opset& opset : list) line("opset {} {}", opset.domain, opset.version);
  }

  void graph(const Graph& graph) {
    line("graph {}", graph.name);
    for (const ValueInfo& info : graph.inputs) line("input {}", value(info));
    for (const ValueInfo& info : graph.outputs) line("output {}", value(info));
    for (const Tensor& initializer : graph.initializers)
      line("initializer {}", tensor(initializer));
    for (const std::string_view name : graph.sparse_initializers) line("sparse {}", name);
    nodes(graph.nodes);
  }

  void function(const Function& function) {
    line("function {}.{} {} ({}) -> ({})", function.domain, function.name, function.overload,
         fmt::join(function.inputs, ","), fmt::join(function.outputs, ","));
    opsets(function.opsets);
    attributes(function.defaults);
    nodes(function.nodes);
  }

  std::string text_;
};

TEST(OnnxGoldens, AreWhatProtobufReads) {
  const std::string folder = VITRO_SOURCE_DIR "/tests/";
  std::map<std::string, TensorFile> files;
  std::ifstream goldens(folder + "formats/data/onnx_goldens.txt");
  std::string file, name, digits;
  size_t count = 0;
  while (goldens >> file >> name >> digits) {
    if (!files.contains(file))
      files[file] = read_safetensors(MappedFile::open(folder + "ops/data/" + file));
    const auto& tensors = files[file].tensors;
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorEntry& tensor) {
      return tensor.name == name + "/model";
    });
    ASSERT_NE(found, tensors.end()) << file << " has no " << name;
    const std::string text = Text::of(parse_model(found->bytes, name));
    EXPECT_EQ(checksum(std::as_bytes(std::span(text))), digits) << file << " " << name << "\n"
                                                                << text;
    ++count;
  }
  EXPECT_GT(count, 1000u);
}

}  // namespace
}  // namespace vitro::onnx
