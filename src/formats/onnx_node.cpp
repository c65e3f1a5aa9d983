#include "formats/onnx_node.h"

#include "core/check.h"

namespace vitro::onnx {
namespace {

/// Elements of a fixed size: one, or packed.
void add_piece(WireReader& reader, const char* name, size_t size,
               std::vector<std::span<const std::byte>>& pieces) {
  const std::span<const std::byte> piece = reader.fixed(name, size);
  if (!piece.empty()) pieces.push_back(piece);
}

}  // namespace

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

}  // namespace vitro::onnx
