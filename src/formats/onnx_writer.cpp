#include "formats/onnx_writer.h"

#include <array>
#include <cstring>

#include "core/check.h"
#include "formats/onnx_wire.h"

namespace vitro::onnx {
namespace {

/// Appends the fields of protobuf messages.
class WireWriter {
 public:
  explicit WireWriter(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  void integer(uint32_t field, int64_t value) {
    tag(field, WireType::Varint);
    varint(static_cast<uint64_t>(value));
  }
  void number(uint32_t field, float value) {
    tag(field, WireType::Fixed32);
    append(std::as_bytes(std::span(&value, 1)));
  }
  void bytes(uint32_t field, std::span<const std::byte> value) {
    tag(field, WireType::Bytes);
    varint(value.size());
    append(value);
  }
  void text(uint32_t field, std::string_view value) {
    bytes(field, std::as_bytes(std::span(value)));
  }
  void given_text(uint32_t field, std::string_view value) {
    if (!value.empty()) text(field, value);
  }
  /// What `write` appends is the message. Its length comes before it, and is known behind it.
  template <typename Write>
  void message(uint32_t field, const Write& write) {
    tag(field, WireType::Bytes);
    const size_t begin = bytes_.size();
    write();
    std::array<std::byte, 10> length{};
    size_t size = 0;
    for (uint64_t rest = bytes_.size() - begin; size == 0 || rest > 0; rest >>= 7)
      length[size++] = static_cast<std::byte>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
    bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), length.begin(),
                  length.begin() + static_cast<std::ptrdiff_t>(size));
  }

 private:
  void tag(uint32_t field, WireType type) { varint(field << 3 | static_cast<uint32_t>(type)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes_.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
    bytes_.push_back(static_cast<std::byte>(value));
  }
  void append(std::span<const std::byte> value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }

  std::vector<std::byte>& bytes_;
};

constexpr int64_t kExternal = 1;  // TensorProto.DataLocation

/// The file beside the model, which grows as initialisers are written.
struct DataFile {
  std::string_view name;
  std::vector<EncodedModel::Elements> elements;

  uint64_t end() const {
    if (elements.empty()) return 0;
    const uint64_t used = elements.back().offset + elements.back().bytes.size();
    return (used + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment;
  }
};

// The numbers of the fields are those of onnx.proto, as in onnx_model.cpp.

void write_graph(WireWriter& out, const Graph& graph, DataFile* data = nullptr);

void write_entry(WireWriter& out, std::string_view key, std::string_view value) {
  out.text(1, key);
  out.text(2, value);
}

/// `data`: where large elements go; null when they are part of the model.
void write_tensor(WireWriter& out, const Tensor& tensor, DataFile* data = nullptr) {
  check(tensor.raw.has_value(), ErrorCode::InvalidArgument,
        "tensor '{:.200}' has no raw elements to write", tensor.name);
  for (const int64_t extent : tensor.dims) out.integer(1, extent);
  out.integer(2, static_cast<int64_t>(tensor.type));
  out.given_text(8, tensor.name);
  if (!data || tensor.raw->size() < kLeastExternalBytes) {
    out.bytes(9, *tensor.raw);
    return;
  }
  data->elements.push_back({data->end(), *tensor.raw});
  const auto entry = [&](std::string_view key, const std::string& value) {
    out.message(13, [&] { write_entry(out, key, value); });
  };
  entry("location", std::string(data->name));
  entry("offset", std::to_string(data->elements.back().offset));
  entry("length", std::to_string(tensor.raw->size()));
  out.integer(14, kExternal);
}

void write_attribute(WireWriter& out, const Attribute& attribute) {
  check(!attribute.is_other && attribute.reference.empty() && attribute.type != 0,
        ErrorCode::InvalidArgument, "attribute '{:.200}' is of a type that cannot be written",
        attribute.name);
  out.text(1, attribute.name);
  switch (attribute.type) {
    case Attribute::kFloat:
      out.number(2, attribute.f);
      break;
    case Attribute::kInt:
      out.integer(3, attribute.i);
      break;
    case Attribute::kString:
      out.text(4, attribute.s);
      break;
    case Attribute::kTensor:
      out.message(5, [&] { write_tensor(out, *attribute.tensor); });
      break;
    case Attribute::kGraph:
      out.message(6, [&] { write_graph(out, *attribute.graph); });
      break;
    case Attribute::kFloats:
      for (const float value : attribute.floats) out.number(7, value);
      break;
    case Attribute::kInts:
      for (const int64_t value : attribute.ints) out.integer(8, value);
      break;
    default:
      for (const std::string_view value : attribute.strings) out.text(9, value);
      break;
  }
  out.integer(20, attribute.type);
}

void write_node(WireWriter& out, const Node& node) {
  for (const std::string_view name : node.inputs) out.text(1, name);
  for (const std::string_view name : node.outputs) out.text(2, name);
  out.given_text(3, node.name);
  out.text(4, node.op);
  for (const Attribute& attribute : node.attributes)
    out.message(5, [&] { write_attribute(out, attribute); });
  out.given_text(7, node.domain);
}

void write_extent(WireWriter& out, const Extent& extent) {
  if (extent.value)
    out.integer(1, *extent.value);
  else
    out.given_text(2, extent.symbol);
}

void write_value_info(WireWriter& out, const ValueInfo& info) {
  out.text(1, info.name);
  const auto shape = [&] {
    for (const Extent& extent : *info.shape) out.message(1, [&] { write_extent(out, extent); });
  };
  const auto tensor_type = [&] {
    out.integer(1, static_cast<int64_t>(info.type));
    if (info.shape) out.message(2, shape);
  };
  out.message(2, [&] { out.message(1, tensor_type); });
}

void write_graph(WireWriter& out, const Graph& graph, DataFile* data) {
  if (!graph.sparse_initializers.empty())
    fail(ErrorCode::InvalidArgument, "initialiser '{:.200}' is sparse",
         graph.sparse_initializers.front());
  for (const Node& node : graph.nodes) out.message(1, [&] { write_node(out, node); });
  out.text(2, graph.name);
  for (const Tensor& tensor : graph.initializers)
    out.message(5, [&] { write_tensor(out, tensor, data); });
  for (const ValueInfo& info : graph.inputs) out.message(11, [&] { write_value_info(out, info); });
  for (const ValueInfo& info : graph.outputs) out.message(12, [&] { write_value_info(out, info); });
}

/// Of the elements alone, which are all but a little of a large model.
uint64_t element_bytes(const Graph& graph) {
  uint64_t bytes = 0;
  for (const Tensor& tensor : graph.initializers) bytes += tensor.raw ? tensor.raw->size() : 0;
  return bytes;
}

std::vector<std::byte> model_bytes(const Model& model, uint64_t expected, DataFile* data) {
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<size_t>(expected) + expected / 64 + (size_t{1} << 16));
  WireWriter out(bytes);
  out.integer(1, model.ir_version);
  out.given_text(2, model.producer);
  out.given_text(3, model.producer_version);
  out.message(7, [&] { write_graph(out, model.graph, data); });
  for (const Opset& opset : model.opsets)
    out.message(8, [&] {
      out.text(1, opset.domain);
      out.integer(2, opset.version);
    });
  for (const auto& entry : model.metadata)
    out.message(14, [&] { write_entry(out, entry.first, entry.second); });
  return bytes;
}

}  // namespace

EncodedModel encode_model(const Model& model, std::string_view data_name, uint64_t most) {
  check(model.functions.empty(), ErrorCode::InvalidArgument,
        "the model has functions, expected nodes alone");
  const uint64_t elements = element_bytes(model.graph);
  if (elements <= most) {
    std::vector<std::byte> bytes = model_bytes(model, elements, nullptr);
    if (bytes.size() <= most) return {std::move(bytes), {}};
  }
  DataFile data{data_name, {}};
  std::vector<std::byte> bytes = model_bytes(model, 0, &data);
  check(bytes.size() <= most, ErrorCode::Unsupported,
        "the model has {} bytes besides the elements that may lie in a file of their own, one file "
        "of ONNX at most {}",
        bytes.size(), most);
  return {std::move(bytes), std::move(data.elements)};
}

}  // namespace vitro::onnx
