#include "ir/attrs_json.h"

#include "ir/fused_ops.h"
#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

// A plan of a real model has a few hundred of each and 200 KB of text; these only stop absurd
// files: planning memory is quadratic.
constexpr size_t kMaxValues = 1 << 16;
constexpr size_t kMaxPorts = 1 << 10;

Json value_to_json(const Value& value) {
  Json json{{"name", value.name}, {"dims", value.type.dims}};
  if (value.type.dtype != DType::Float32) json["dtype"] = dtype_name(value.type.dtype);
  if (!value.constant) return json;
  json["constant"] = value.constant->storage;
  // Small integers are part of the structure: types of results depend on them.
  if (const Contents contents = contents_of(*value.constant)) json["contents"] = *contents;
  return json;
}

Value value_from_json(const Json& json) {
  Value value{json.at("name").get<std::string>(),
              {DType::Float32, dims_from_json(json.at("dims"))},
              std::nullopt};
  if (json.contains("dtype")) value.type.dtype = dtype_from_json(json.at("dtype"));
  if (!json.contains("constant")) return value;
  value.constant = Constant{value.type, json.at("constant").get<std::string>(), {}, nullptr};
  if (!json.contains("contents")) return value;
  const auto contents = integers_from_json<int64_t>(json.at("contents"));
  expect_in_file(num_elements(value.type.dims) == static_cast<int64_t>(contents.size()) &&
                     value.constant->storage.empty(),
                 "constant '{}' has {} contents for {}", value.name, contents.size(),
                 to_string(value.type.dims));
  value.constant = make_constant(value.type.dims, contents, value.type.dtype);
  return value;
}

Json node_to_json(const Node& node) {
  Json json{{"op", op_name(node.kind, node.attrs)},
            {"inputs", node.inputs},
            {"outputs", node.outputs},
            {"source", node.source},
            {"attrs", attrs_to_json(node.attrs)}};
  if (node.keeps_float32) json["keeps_float32"] = true;
  return json;
}

Node node_from_json(const Json& json, const Graph& graph) {
  const auto name = json.at("op").get<std::string>();
  auto op = find_op(name);
  expect_in_file(op.has_value(), "unknown op '{}'", name);
  attrs_from_json(json.at("attrs"), op->attrs);
  Node node{op->kind,
            std::move(op->attrs),
            integers_from_json<ValueId>(json.at("inputs")),
            integers_from_json<ValueId>(json.at("outputs")),
            json.at("source").get<std::string>(),
            nullptr,
            json.value("keeps_float32", false)};
  if (!op_info(node.kind).fused) return node;
  const auto is_value = [&](ValueId id) {
    return id >= 0 && static_cast<size_t>(id) < graph.values.size();
  };
  const auto [least, most] = std::pair(static_cast<size_t>(op_info(node.kind).min_inputs),
                                       static_cast<size_t>(op_info(node.kind).max_inputs));
  expect_in_file(
      node.inputs.size() >= least && node.inputs.size() <= most && node.outputs.size() == 1,
      "{} operands and {} results of '{}'", node.inputs.size(), node.outputs.size(), name);
  std::vector<Operand> operands(most);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    expect_in_file(is_value(id) || (id == kAbsent && i >= least), "operand {} of '{}'", id, name);
    if (id != kAbsent) operands[i].type = &graph.value(id).type;
  }
  infer_results(node, operands);  // the body may rely on operands that fit
  node.body = std::make_shared<Graph>(fused_body(graph, node));
  return node;
}

Json ports_to_json(const std::vector<Port>& ports) {
  Json json = Json::array();
  for (const Port& port : ports) {
    Json dims = Json::array();
    for (const DimRange& range : port.dims)
      dims.push_back({range.name, range.min, range.max, range.multiple});
    json.push_back({{"name", port.name}, {"value", port.value}, {"dims", std::move(dims)}});
  }
  return json;
}

DimRange range_from_json(const Json& json) {
  expect_in_file(json.is_array() && json.size() == 4, "a range of {} entries, expected 4",
                 json.size());
  return {json[0].get<std::string>(), integer_from_json<int64_t>(json[1]),
          integer_from_json<int64_t>(json[2]), integer_from_json<int64_t>(json[3])};
}

std::vector<Port> ports_from_json(const Json& json) {
  expect_in_file(json.is_array() && json.size() <= kMaxPorts, "{} inputs or outputs", json.size());
  std::vector<Port> ports;
  for (const Json& entry : json) {
    ports.push_back(
        {entry.at("name").get<std::string>(), integer_from_json<ValueId>(entry.at("value")), {}});
    for (const Json& range : entry.at("dims")) ports.back().dims.push_back(range_from_json(range));
  }
  return ports;
}

}  // namespace

std::string graph_to_json(const Graph& graph) {
  Json json{{"inputs", ports_to_json(graph.inputs)}, {"outputs", ports_to_json(graph.outputs)}};
  Json& values = json["values"] = Json::array();
  for (const Value& value : graph.values) values.push_back(value_to_json(value));
  Json& nodes = json["nodes"] = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back(node_to_json(node));
  // Names come from files of others and need not be UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Graph graph_from_json(std::string_view text) try {
  expect_in_file(text.size() <= kMaxJsonBytes, "{} bytes, at most {} are read", text.size(),
                 kMaxJsonBytes);
  const Json json = Json::parse(text);
  expect_in_file(json.at("values").size() <= kMaxValues && json.at("nodes").size() <= kMaxValues,
                 "{} values and {} nodes", json.at("values").size(), json.at("nodes").size());
  Graph graph;
  for (const Json& value : json.at("values")) graph.values.push_back(value_from_json(value));
  for (const Json& node : json.at("nodes")) graph.nodes.push_back(node_from_json(node, graph));
  graph.inputs = ports_from_json(json.at("inputs"));
  graph.outputs = ports_from_json(json.at("outputs"));
  verify(graph);
  return graph;
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "plan graph: {}", json_problem(error.what()));
} catch (const Error& error) {
  // Whatever the checks of the IR find in a file is the file's fault.
  throw Error(ErrorCode::CorruptFile, error.what(), error.hint());
}

}  // namespace vitro
