#include <fmt/format.h>

#include <iterator>

#include "ir/graph.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

// The shortest text that gives the same float back.
std::string field_text(float value) { return fmt::format("{}", value); }
std::string field_text(double value) { return fmt::format("{}", value); }
std::string field_text(bool value) { return value ? "true" : "false"; }
std::string field_text(int64_t value) { return std::to_string(value); }
std::string field_text(const std::string& value) { return value; }
std::string field_text(DType value) { return dtype_name(value); }
std::string field_text(const TensorType& type) {
  return fmt::format("{} {}", dtype_name(type.dtype), to_string(type.dims));
}
std::string field_text(std::byte byte) { return fmt::format("{:02x}", std::to_integer<int>(byte)); }
template <typename E>
requires std::is_enum_v<E> std::string field_text(E value) {
  return enum_names(value)[static_cast<size_t>(value)];
}
template <typename Sequence>
requires requires(Sequence values) { values.begin(); }
std::string field_text(const Sequence& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ",") + field_text(value);
  return "[" + text + "]";
}

/// Collects ", name=value" of the fields that differ from their usual value.
struct FieldPrinter {
  std::string& text;
  template <typename T>
  void operator()(const char* name, const T& field) const {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, field_text(field));
  }
  template <typename T>
  void operator()(const char* name, const T& field, const T& usual) const {
    if (field != usual) (*this)(name, field);
  }
};

/// What differs from dense float32: ":BF16", ":cpu:panel16", ":BF16:cpu:panel16".
std::string storage_suffix(const Constant& constant) {
  const DType dtype = constant.type.dtype;
  return (dtype == DType::Float32 ? "" : fmt::format(":{}", dtype_name(dtype))) +
         (constant.storage.empty() ? "" : ":" + constant.storage);
}

/// "1x200", "I64 1x200": float32 goes without saying.
std::string type_text(const TensorType& type) {
  const bool is_float = type.dtype == DType::Float32;
  return (is_float ? "" : fmt::format("{} ", dtype_name(type.dtype))) + to_string(type.dims);
}

std::string results_text(const Node& node) {
  std::string text;
  for (ValueId id : node.outputs)
    text +=
        fmt::format("{}{}", text.empty() ? "" : ", ", id == kAbsent ? "-" : fmt::format("%{}", id));
  return text;
}

std::string types_text(const Graph& graph, const Node& node) {
  std::string text;
  for (ValueId id : node.outputs)
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        id == kAbsent ? "-" : type_text(graph.value(id).type));
  return text;
}

void print_graph(const Graph& graph, const std::string& indent, std::string& out) {
  const auto line = std::back_inserter(out);
  for (const Port& port : graph.inputs)
    fmt::format_to(line, "{}%{} = input {}\n", indent, port.value,
                   type_text(graph.value(port.value).type));
  for (const Node& node : graph.nodes) {
    fmt::format_to(line, "{}{} = {}(", indent, results_text(node), op_name(node));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      fmt::format_to(line, "{}", i == 0 ? "" : ", ");
      if (!node.has_input(i)) {
        fmt::format_to(line, "-");
        continue;
      }
      const Value& value = graph.value(node.inputs[i]);
      if (value.constant)
        fmt::format_to(line, "@{}{}", value.name, storage_suffix(*value.constant));
      else
        fmt::format_to(line, "%{}", node.inputs[i]);
    }
    fmt::format_to(line, "){} : {}  # {}\n", attrs_text(node.attrs), types_text(graph, node),
                   node.source);
    if (node.body) print_graph(*node.body, indent + "    ", out);
  }
  fmt::format_to(line, "{}return", indent);
  for (const Port& port : graph.outputs) fmt::format_to(line, " %{}", port.value);
  out += "\n";
}

}  // namespace

std::string attrs_text(const Attrs& attrs) {
  std::string text;
  visit_fields(attrs, FieldPrinter{text});
  return text.empty() ? text : " {" + text + "}";
}

std::string print(const Graph& graph) {
  std::string out;
  print_graph(graph, "", out);
  return out;
}

}  // namespace vitro
