#include <fmt/ranges.h>

#include <iterator>

#include "ir/graph.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

std::string field_text(float value) { return fmt::format("{:g}", value); }
std::string field_text(bool value) { return value ? "true" : "false"; }
std::string field_text(int64_t value) { return std::to_string(value); }
template <typename Sequence>
std::string field_text(const Sequence& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

/// What differs from float32 in rows: ":panel16", ":BF16:panel16".
std::string storage_suffix(const Constant& constant) {
  const bool is_float = constant.dtype == DType::Float32;
  return (is_float ? "" : fmt::format(":{}", dtype_name(constant.dtype))) + layout_suffix(constant);
}

void print_graph(const Graph& graph, const std::string& indent, std::string& out) {
  const auto line = std::back_inserter(out);
  for (ValueId id : graph.inputs)
    fmt::format_to(line, "{}%{} = input {}\n", indent, id, to_string(graph.value(id).type.dims));
  for (const Node& node : graph.nodes) {
    fmt::format_to(line, "{}%{} = {}(", indent, node.output, op_info(node.kind).name);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Value& value = graph.value(node.inputs[i]);
      fmt::format_to(line, "{}", i == 0 ? "" : ", ");
      if (value.constant)
        fmt::format_to(line, "@{}{}", value.name, storage_suffix(*value.constant));
      else
        fmt::format_to(line, "%{}", node.inputs[i]);
    }
    fmt::format_to(line, "){} : {}  # {}\n", attrs_text(node.attrs),
                   to_string(graph.value(node.output).type.dims), node.source);
    if (node.body) print_graph(*node.body, indent + "    ", out);
  }
  fmt::format_to(line, "{}return", indent);
  for (ValueId id : graph.outputs) fmt::format_to(line, " %{}", id);
  out += "\n";
}

}  // namespace

std::string attrs_text(const Attrs& attrs) {
  std::string text;
  std::visit(
      [&](const auto& alternative) {
        visit_fields(alternative, [&](const char* name, const auto& field) {
          text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, field_text(field));
        });
      },
      attrs);
  return text.empty() ? text : " {" + text + "}";
}

std::string layout_suffix(const Constant& constant) {
  return constant.layout == Layout::RowMajor ? ""
                                             : fmt::format(":{}", layout_name(constant.layout));
}

std::string print(const Graph& graph) {
  std::string out;
  print_graph(graph, "", out);
  return out;
}

}  // namespace vitro
