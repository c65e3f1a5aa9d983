#include "formats/onnx_model.h"

#include "core/check.h"
#include "formats/onnx_node.h"
#include "formats/onnx_wire.h"

namespace vitro::onnx {
namespace {

constexpr int kMaxDepth = 64;  // of graphs in attributes of nodes

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

std::string_view sparse_name(WireReader reader) {
  std::string_view name;
  while (reader.next())
    if (reader.field() == 1) name = read_tensor(reader.message("values", "TensorProto")).name;
  return name;
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

}  // namespace

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

namespace {

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
