#include "formats/onnx_model.h"

#include "core/check.h"
#include "formats/onnx_wire.h"

namespace vitro::onnx {
namespace {

constexpr int kMaxDepth = 64;  // of graphs in attributes of nodes

Graph read_graph(WireReader reader, int depth);

std::pair<std::string_view, std::string_view> read_entry(WireReader reader) {
  std::pair<std::string_view, std::string_view> entry;
  while (reader.next()) switch (reader.field()) {
      case 1:
        entry.first = reader.text("key");
        break;
      case 2:
        entry.second = reader.text("value");
        break;
      default:
        break;
    }
  return entry;
}

Opset read_opset(WireReader reader) {
  Opset opset;
  while (reader.next()) switch (reader.field()) {
      case 1:
        opset.domain = reader.text("domain");
        break;
      case 2:
        opset.version = reader.integer("version");
        break;
      default:
        break;
    }
  return opset;
}

/// Elements of a fixed size: one, or packed.
void add_piece(WireReader& reader, const char* name, size_t size,
               std::vector<std::span<const std::byte>>& pieces) {
  const std::span<const std::byte> piece = reader.fixed(name, size);
  if (!piece.empty()) pieces.push_back(piece);
}

Tensor read_tensor(WireReader reader) {
  Tensor tensor;
  while (reader.next()) switch (reader.field()) {
      case 1:
        reader.add_integers("dims", tensor.dims);
        break;
      case 2:
        tensor.type = static_cast<ElementType>(reader.small("data_type"));
        break;
      case 3:
        tensor.is_segment = true;
        break;
      case 4:
        add_piece(reader, "float_data", 4, tensor.floats);
        break;
      case 5:
        reader.add_integers("int32_data", tensor.ints);
        break;
      case 6:
        tensor.has_strings = true;
        break;
      case 7:
        reader.add_integers("int64_data", tensor.ints);
        break;
      case 8:
        tensor.name = reader.text("name");
        break;
      case 9:
        tensor.raw = reader.bytes("raw_data");
        break;
      case 10:
        add_piece(reader, "double_data", 8, tensor.doubles);
        break;
      case 11:
        reader.add_integers("uint64_data", tensor.ints);
        break;
      case 13: {
        const auto entry = read_entry(reader.message("external_data", "StringStringEntryProto"));
        if (!tensor.external.insert(entry).second)
          reader.fail_at("external_data", fmt::format("'{}' is there twice", entry.first));
        break;
      }
      case 14:
        tensor.is_external = reader.small("data_location") == 1;
        break;
      default:
        break;
    }
  return tensor;
}

std::string_view sparse_name(WireReader reader) {
  std::string_view name;
  while (reader.next())
    if (reader.field() == 1) name = read_tensor(reader.message("values", "TensorProto")).name;
  return name;
}

Attribute read_attribute(WireReader reader, int depth) {
  Attribute attribute;
  while (reader.next()) switch (reader.field()) {
      case 1:
        attribute.name = reader.text("name");
        break;
      case 2:
        attribute.f = reader.number("f");
        break;
      case 3:
        attribute.i = reader.integer("i");
        break;
      case 4:
        attribute.s = reader.text("s");
        break;
      case 5:
        attribute.tensor =
            std::make_shared<Tensor>(read_tensor(reader.message("t", "TensorProto")));
        break;
      case 6:
        attribute.graph =
            std::make_shared<Graph>(read_graph(reader.message("g", "GraphProto"), depth + 1));
        break;
      case 7:
        reader.add_numbers("floats", attribute.floats);
        break;
      case 8:
        reader.add_integers("ints", attribute.ints);
        break;
      case 9:
        attribute.strings.push_back(reader.text("strings"));
        break;
      case 10:
      case 11:
      case 14:
      case 15:
      case 22:
      case 23:
        attribute.is_other = true;
        break;
      case 20:
        attribute.type = reader.small("type");
        break;
      case 21:
        attribute.reference = reader.text("ref_attr_name");
        break;
      default:
        break;
    }
  return attribute;
}

Node read_node(WireReader reader, int depth) {
  Node node;
  while (reader.next()) switch (reader.field()) {
      case 1:
        node.inputs.push_back(reader.text("input"));
        break;
      case 2:
        node.outputs.push_back(reader.text("output"));
        break;
      case 3:
        node.name = reader.text("name");
        break;
      case 4:
        node.op = reader.text("op_type");
        break;
      case 5:
        node.attributes.push_back(
            read_attribute(reader.message("attribute", "AttributeProto"), depth));
        break;
      case 7:
        node.domain = reader.text("domain");
        break;
      case 8:
        node.overload = reader.text("overload");
        break;
      default:
        break;
    }
  return node;
}

Extent read_extent(WireReader reader) {
  Extent extent;
  while (reader.next()) switch (reader.field()) {
      case 1:
        extent.value = reader.integer("dim_value");
        break;
      case 2:
        extent.symbol = reader.text("dim_param");
        break;
      default:
        break;
    }
  return extent;
}

std::vector<Extent> read_shape(WireReader reader) {
  std::vector<Extent> shape;
  while (reader.next())
    if (reader.field() == 1)
      shape.push_back(read_extent(reader.message("dim", "TensorShapeProto.Dimension")));
  return shape;
}

void read_tensor_type(WireReader reader, ValueInfo& info) {
  info.is_tensor = true;
  while (reader.next()) switch (reader.field()) {
      case 1:
        info.type = static_cast<ElementType>(reader.small("elem_type"));
        break;
      case 2:
        info.shape = read_shape(reader.message("shape", "TensorShapeProto"));
        break;
      default:
        break;
    }
}

void read_type(WireReader reader, ValueInfo& info) {
  while (reader.next())
    if (reader.field() == 1)
      read_tensor_type(reader.message("tensor_type", "TypeProto.Tensor"), info);
}

ValueInfo read_value_info(WireReader reader) {
  ValueInfo info;
  while (reader.next()) switch (reader.field()) {
      case 1:
        info.name = reader.text("name");
        break;
      case 2:
        read_type(reader.message("type", "TypeProto"), info);
        break;
      default:
        break;
    }
  return info;
}

Graph read_graph(WireReader reader, int depth) {
  Graph graph;
  if (depth > kMaxDepth)
    reader.fail_at("node", fmt::format("graphs are nested more than {} deep", kMaxDepth));
  while (reader.next()) switch (reader.field()) {
      case 1:
        graph.nodes.push_back(read_node(reader.message("node", "NodeProto"), depth));
        break;
      case 2:
        graph.name = reader.text("name");
        break;
      case 5:
        graph.initializers.push_back(read_tensor(reader.message("initializer", "TensorProto")));
        break;
      case 11:
        graph.inputs.push_back(read_value_info(reader.message("input", "ValueInfoProto")));
        break;
      case 12:
        graph.outputs.push_back(read_value_info(reader.message("output", "ValueInfoProto")));
        break;
      case 15:
        graph.sparse_initializers.push_back(
            sparse_name(reader.message("sparse_initializer", "SparseTensorProto")));
        break;
      default:
        break;
    }
  return graph;
}

Function read_function(WireReader reader) {
  Function function;
  while (reader.next()) switch (reader.field()) {
      case 1:
        function.name = reader.text("name");
        break;
      case 4:
        function.inputs.push_back(reader.text("input"));
        break;
      case 5:
        function.outputs.push_back(reader.text("output"));
        break;
      case 7:
        function.nodes.push_back(read_node(reader.message("node", "NodeProto"), 0));
        break;
      case 9:
        function.opsets.push_back(read_opset(reader.message("opset_import", "OperatorSetIdProto")));
        break;
      case 10:
        function.domain = reader.text("domain");
        break;
      case 11:
        function.defaults.push_back(
            read_attribute(reader.message("attribute_proto", "AttributeProto"), 0));
        break;
      case 13:
        function.overload = reader.text("overload");
        break;
      default:
        break;
    }
  return function;
}

}  // namespace

bool looks_like_onnx(std::span<const std::byte> bytes) {
  // ir_version (field 1, a small number), then producer_name, a graph or an import.
  const auto at = [&](size_t i) { return std::to_integer<int>(bytes[i]); };
  // The length of a safetensors header may begin in the same way.
  if (bytes.size() > 8 && at(7) == 0 && at(8) == '{') return false;
  return bytes.size() > 3 && at(0) == 0x08 && at(1) > 0 && at(1) < 32 &&
         (at(2) == 0x12 || at(2) == 0x3a || at(2) == 0x42);
}

Model parse_model(std::span<const std::byte> bytes, std::string_view name) {
  WireFile file{bytes, name};
  WireReader reader(file, bytes, "ModelProto");
  Model model;
  bool has_graph = false;
  while (reader.next()) switch (reader.field()) {
      case 1:
        model.ir_version = reader.integer("ir_version");
        break;
      case 2:
        model.producer = reader.text("producer_name");
        break;
      case 3:
        model.producer_version = reader.text("producer_version");
        break;
      case 7:
        if (has_graph) reader.fail_at("graph", "the model has several");
        model.graph = read_graph(reader.message("graph", "GraphProto"), 0);
        has_graph = true;
        break;
      case 8:
        model.opsets.push_back(read_opset(reader.message("opset_import", "OperatorSetIdProto")));
        break;
      case 14:
        model.metadata.insert(
            read_entry(reader.message("metadata_props", "StringStringEntryProto")));
        break;
      case 25:
        model.functions.push_back(read_function(reader.message("functions", "FunctionProto")));
        break;
      default:
        break;
    }
  check(has_graph, ErrorCode::CorruptFile, "'{}': {} bytes without a ModelProto.graph", name,
        bytes.size());
  return model;
}

Tensor parse_tensor(std::span<const std::byte> bytes, std::string_view name) {
  WireFile file{bytes, name};
  return read_tensor(WireReader(file, bytes, "TensorProto"));
}

}  // namespace vitro::onnx
