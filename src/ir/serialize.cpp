#include <nlohmann/json.hpp>

#include <utility>

#include "core/check.h"
#include "core/dtype.h"
#include "core/json.h"
#include "ir/fused_ops.h"
#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

using Json = nlohmann::ordered_json;

// A plan of a real model has a few hundred of each and 200 KB of text; these only stop absurd
// files: planning memory is quadratic.
constexpr size_t kMaxValues = 1 << 16;
constexpr size_t kMaxRank = 8;
constexpr size_t kMaxPorts = 1 << 10;
constexpr int64_t kMaxExtent = int64_t{1} << 40;
constexpr int64_t kMaxAttribute = int64_t{1} << 20;

template <typename... Args>
void expect(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  check(condition, ErrorCode::CorruptFile, "plan graph: {}",
        fmt::format(format, std::forward<Args>(args)...));
}

template <size_t... I>
Attrs default_attrs(size_t index, std::index_sequence<I...>) {
  Attrs attrs;
  ((I == index ? void(attrs.emplace<I>()) : void()), ...);
  return attrs;
}

Json attrs_to_json(const Attrs& attrs) {
  Json json = Json::object();
  std::visit(
      [&](const auto& alternative) {
        visit_fields(alternative, [&](const char* name, const auto& field) { json[name] = field; });
      },
      attrs);
  return json;
}

/// An integer of the file, which T can hold.
template <typename T>
T integer_from_json(const Json& json) {
  expect(json.is_number_integer(), "{} where an integer belongs", json.type_name());
  const auto value = json_integer<T>(json);
  expect(value.has_value(), "{} is out of range", json.dump());
  return *value;
}

template <typename T>
std::vector<T> integers_from_json(const Json& json) {
  expect(json.is_array(), "{} where a list of integers belongs", json.type_name());
  std::vector<T> values;
  for (const Json& element : json) values.push_back(integer_from_json<T>(element));
  return values;
}

/// `real`: the field is a float; the others hold integers or booleans.
void expect_bounded(const char* name, const Json& json, bool real) {
  if (json.is_array()) {
    expect(json.size() <= kMaxRank, "attribute '{}' has {} elements", name, json.size());
    for (const Json& element : json) expect_bounded(name, element, real);
  } else if (json.is_number_integer()) {
    const auto value = integer_from_json<int64_t>(json);
    expect(value >= -1 && value <= kMaxAttribute, "attribute '{}' is {}", name, value);
  } else {
    expect(json.is_boolean() || (real && json.is_number_float()), "attribute '{}' is {}", name,
           json.type_name());
  }
}

Attrs attrs_from_json(size_t index, const Json& json) {
  Attrs attrs = default_attrs(index, std::make_index_sequence<std::variant_size_v<Attrs>>());
  std::visit(
      [&](auto& alternative) {
        visit_fields(alternative, [&](const char* name, auto& field) {
          constexpr bool kReal = std::is_same_v<std::decay_t<decltype(field)>, float>;
          expect_bounded(name, json.at(name), kReal);
          json.at(name).get_to(field);
        });
      },
      attrs);
  return attrs;
}

Dims dims_from_json(const Json& json) {
  const Dims dims = integers_from_json<int64_t>(json);
  expect(dims.size() <= kMaxRank, "rank {}", dims.size());
  for (int64_t extent : dims) expect(extent >= 0 && extent <= kMaxExtent, "extent {}", extent);
  expect(num_elements(dims) <= kMaxElements, "a value of {}", to_string(dims));
  return dims;
}

Json value_to_json(const Value& value) {
  Json json{{"name", value.name}, {"dims", value.type.dims}};
  if (value.type.dtype != DType::Float32) json["dtype"] = dtype_name(value.type.dtype);
  if (value.constant) json["constant"] = value.constant->storage;
  return json;
}

Value value_from_json(const Json& json) {
  Value value{json.at("name").get<std::string>(),
              {DType::Float32, dims_from_json(json.at("dims"))},
              std::nullopt};
  if (json.contains("dtype")) {
    const auto name = json.at("dtype").get<std::string>();
    const auto dtype = dtype_from_name(name);
    expect(dtype.has_value(), "value '{}' has the unknown dtype '{}'", value.name, name);
    value.type.dtype = *dtype;
  }
  if (json.contains("constant"))
    value.constant = Constant{value.type, json.at("constant").get<std::string>(), {}, nullptr};
  return value;
}

Json node_to_json(const Node& node) {
  return {{"op", op_info(node.kind).name},
          {"inputs", node.inputs},
          {"outputs", node.outputs},
          {"source", node.source},
          {"attrs", attrs_to_json(node.attrs)}};
}

Node node_from_json(const Json& json, const Graph& graph) {
  const auto name = json.at("op").get<std::string>();
  const auto kind = op_kind(name);
  expect(kind.has_value(), "unknown op '{}'", name);
  Node node{*kind,
            attrs_from_json(op_info(*kind).attrs_index, json.at("attrs")),
            integers_from_json<ValueId>(json.at("inputs")),
            integers_from_json<ValueId>(json.at("outputs")),
            json.at("source").get<std::string>(),
            nullptr};
  if (!op_info(*kind).fused) return node;
  const auto is_value = [&](ValueId id) {
    return id >= 0 && static_cast<size_t>(id) < graph.values.size();
  };
  std::vector<TensorType> types;
  for (ValueId id : node.inputs) {
    expect(is_value(id), "operand {} of '{}'", id, name);
    types.push_back(graph.value(id).type);
  }
  std::vector<Operand> operands(static_cast<size_t>(op_info(*kind).max_inputs));
  expect(types.size() == operands.size() && node.outputs.size() == 1,
         "{} operands and {} results of '{}'", types.size(), node.outputs.size(), name);
  for (size_t i = 0; i < types.size(); ++i) operands[i].type = &types[i];
  infer_results(node, operands);  // the body may rely on operands that fit
  node.body = std::make_shared<Graph>(fused_body(*kind, node.attrs, types));
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
  expect(json.is_array() && json.size() == 4, "a range of {} entries, expected 4", json.size());
  return {json[0].get<std::string>(), integer_from_json<int64_t>(json[1]),
          integer_from_json<int64_t>(json[2]), integer_from_json<int64_t>(json[3])};
}

std::vector<Port> ports_from_json(const Json& json) {
  expect(json.is_array() && json.size() <= kMaxPorts, "{} inputs or outputs", json.size());
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
  expect(text.size() <= kMaxJsonBytes, "{} bytes, at most {} are read", text.size(), kMaxJsonBytes);
  const Json json = Json::parse(text);
  expect(json.at("values").size() <= kMaxValues && json.at("nodes").size() <= kMaxValues,
         "{} values and {} nodes", json.at("values").size(), json.at("nodes").size());
  Graph graph;
  for (const Json& value : json.at("values")) graph.values.push_back(value_from_json(value));
  for (const Json& node : json.at("nodes")) graph.nodes.push_back(node_from_json(node, graph));
  graph.inputs = ports_from_json(json.at("inputs"));
  graph.outputs = ports_from_json(json.at("outputs"));
  verify(graph);
  return graph;
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "plan graph: {}", error.what());
} catch (const Error& error) {
  // Whatever the checks of the IR find in a file is the file's fault.
  throw Error(ErrorCode::CorruptFile, error.what(), error.hint());
}

}  // namespace vitro
