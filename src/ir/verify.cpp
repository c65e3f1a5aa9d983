#include <set>

#include "core/check.h"
#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

void verify_structure(const Graph& graph) {
  const size_t count = graph.values.size();
  std::vector<bool> defined(count);
  const auto known = [&](ValueId id) { return id >= 0 && static_cast<size_t>(id) < count; };
  for (const Port& port : graph.inputs) {
    const ValueId id = port.value;
    check(known(id) && !graph.is_constant(id) && !defined[static_cast<size_t>(id)],
          ErrorCode::Internal, "graph: input {} of {} values is out of range, constant or repeated",
          id, count);
    defined[static_cast<size_t>(id)] = true;
  }
  for (size_t i = 0; i < count; ++i)
    if (graph.values[i].constant) defined[i] = true;
  for (const Node& node : graph.nodes) {
    verify_signature(node);
    const OpInfo& info = op_info(node.kind);
    check(info.fused == (node.body != nullptr), ErrorCode::Internal,
          "{} '{}': a body belongs to fused ops, and to all of them", op_name(node), node.source);
    for (ValueId id : node.inputs)
      check(id == kAbsent || (known(id) && defined[static_cast<size_t>(id)]), ErrorCode::Internal,
            "{} '{}': operand {} is used before it is defined", op_name(node), node.source, id);
    for (ValueId id : node.outputs) {
      if (id == kAbsent) continue;
      check(known(id) && !defined[static_cast<size_t>(id)], ErrorCode::Internal,
            "{} '{}': result {} is defined twice or out of range", op_name(node), node.source, id);
      defined[static_cast<size_t>(id)] = true;
    }
  }
  for (const Port& port : graph.outputs)
    check(known(port.value) && defined[static_cast<size_t>(port.value)], ErrorCode::Internal,
          "graph: output {} is never computed", port.value);
}

/// Names are unique on each side; ranges belong to an axis and hold the default extent. None ends
/// beyond kOpenExtent: there is arithmetic on their ends, which must not overflow.
void verify_ports(const Graph& graph, const std::vector<Port>& ports, const char* side) {
  std::set<std::string_view> names;
  for (const Port& port : ports) {
    check(names.insert(port.name).second, ErrorCode::Internal, "graph: two {}s are named '{}'",
          side, port.name);
    const Dims& dims = graph.value(port.value).type.dims;
    check(port.dims.empty() || port.dims.size() == dims.size(), ErrorCode::Internal,
          "graph: {} '{}' has {} ranges for {}", side, port.name, port.dims.size(),
          to_string(dims));
    for (size_t axis = 0; axis < port.dims.size(); ++axis) {
      const DimRange& range = port.dims[axis];
      check(range.multiple >= 1 && range.min >= 0 && range.min <= dims[axis] &&
                dims[axis] <= range.max && dims[axis] % range.multiple == 0 &&
                range.max <= kOpenExtent && range.multiple <= kOpenExtent,
            ErrorCode::Internal, "graph: {} '{}' is {}, axis {} outside {} to {} in steps of {}",
            side, port.name, to_string(dims), axis, range.min, range.max, range.multiple);
    }
  }
}

void verify_constant(const Value& value) {
  const Constant& constant = *value.constant;
  check(constant.type == value.type, ErrorCode::Internal,
        "constant '{}': {} {}, its value is {} {}", value.name, dtype_name(constant.type.dtype),
        to_string(constant.type.dims), dtype_name(value.type.dtype), to_string(value.type.dims));
  if (constant.bytes.data() == nullptr || !constant.storage.empty()) return;
  const size_t expected = dense_bytes(constant.type);
  check(constant.bytes.size() == expected, ErrorCode::Internal,
        "constant '{}' {}: {} bytes, expected {}", value.name, to_string(constant.type.dims),
        constant.bytes.size(), expected);
}

void verify_results(const Graph& graph, const Node& node, const std::vector<TensorType>& types) {
  const char* name = op_name(node);
  for (ValueId id : node.outputs) {
    if (id == kAbsent) continue;
    const TensorType &stored = graph.value(id).type, &inferred = types[static_cast<size_t>(id)];
    check(stored == inferred, ErrorCode::Internal, "{} '{}': stored type {} {}, inferred {} {}",
          name, node.source, dtype_name(stored.dtype), to_string(stored.dims),
          dtype_name(inferred.dtype), to_string(inferred.dims));
  }
  if (!node.body) return;
  const auto body_types = infer_types(*node.body, given_types(graph, node));
  check(node.body->outputs.size() == node.outputs.size(), ErrorCode::Internal,
        "{} '{}': its body has {} results, expected {}", name, node.source,
        node.body->outputs.size(), node.outputs.size());
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kAbsent) continue;
    const TensorType& computed = body_types[static_cast<size_t>(node.body->outputs[i].value)];
    const TensorType& expected = types[static_cast<size_t>(node.outputs[i])];
    check(computed == expected, ErrorCode::Internal, "{} '{}': its body computes {}, expected {}",
          name, node.source, to_string(computed.dims), to_string(expected.dims));
  }
}

}  // namespace

void verify_signature(const Node& node) {
  const OpInfo& info = op_info(node.kind);
  check(node.attrs.index() == info.attrs_index, ErrorCode::Internal,
        "{} '{}': attributes of another op", op_name(node), node.source);
  const auto arity = static_cast<int>(node.inputs.size());
  check(arity >= info.min_inputs && arity <= info.max_inputs, ErrorCode::Internal,
        "{} '{}': {} operands, expected {} to {}", op_name(node), node.source, arity,
        info.min_inputs, info.max_inputs);
  for (int i = 0; i < info.min_inputs; ++i)
    check(node.has_input(static_cast<size_t>(i)), ErrorCode::Internal,
          "{} '{}': operand {} is absent", op_name(node), node.source, i);
  const auto results = static_cast<int>(node.outputs.size());
  check(results >= 1 && results <= info.max_outputs, ErrorCode::Internal,
        "{} '{}': {} results, expected 1 to {}", op_name(node), node.source, results,
        info.max_outputs);
}

namespace {

/// The ranges of an input hold for what it is given.
void check_ranges(const Port& port, const Dims& dims) {
  if (port.dims.empty()) return;
  check(dims.size() == port.dims.size(), ErrorCode::InvalidArgument,
        "graph: input '{}' is {}, expected rank {}", port.name, to_string(dims), port.dims.size());
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const DimRange& range = port.dims[axis];
    const std::string name = range.name.empty() ? fmt::format("axis {}", axis) : range.name;
    check(dims[axis] % range.multiple == 0, ErrorCode::InvalidArgument,
          "graph: input '{}' is {}, whose {} {} does not divide into steps of {}", port.name,
          to_string(dims), name, dims[axis], range.multiple);
    check(dims[axis] >= range.min && dims[axis] <= range.max, ErrorCode::InvalidArgument,
          "graph: input '{}' is {}, whose {} {} is not from {} to {}", port.name, to_string(dims),
          name, dims[axis], range.min, range.max);
  }
}

}  // namespace

Inference infer(const Graph& graph, std::span<const TensorType> inputs) {
  check(inputs.size() == graph.inputs.size(), ErrorCode::InvalidArgument,
        "graph: {} input types, expected {}", inputs.size(), graph.inputs.size());
  Inference result{std::vector<TensorType>(graph.values.size()),
                   std::vector<Contents>(graph.values.size())};
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!graph.values[i].constant) continue;
    result.types[i] = graph.values[i].type;
    result.contents[i] = contents_of(*graph.values[i].constant);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_ranges(graph.inputs[i], inputs[i].dims);
    result.types[static_cast<size_t>(graph.inputs[i].value)] = inputs[i];
  }
  for (const Node& node : graph.nodes) {
    const auto operands = operands_of(node, result.types, result.contents);
    const std::vector<TensorType> types = infer_results(node, operands);
    for (size_t i = 0; i < types.size(); ++i) {
      if (node.outputs[i] == kAbsent) continue;
      const auto id = static_cast<size_t>(node.outputs[i]);
      result.types[id] = types[i];
      if (i == 0) result.contents[id] = known_contents(node, operands, types[0]);
    }
  }
  return result;
}

std::vector<TensorType> infer_types(const Graph& graph, std::span<const TensorType> inputs) {
  return infer(graph, inputs).types;
}

void verify(const Graph& graph) {
  verify_structure(graph);
  for (const Value& value : graph.values)
    if (value.constant) verify_constant(value);
  verify_ports(graph, graph.inputs, "input");
  verify_ports(graph, graph.outputs, "output");
  const std::vector<TensorType> types = infer_types(graph, input_types(graph));
  for (const Node& node : graph.nodes) verify_results(graph, node, types);
}

}  // namespace vitro
