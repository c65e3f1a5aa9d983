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
  for (ValueId id : graph.inputs) {
    check(known(id) && !graph.is_constant(id) && !defined[static_cast<size_t>(id)],
          ErrorCode::Internal, "graph: input {} of {} values is out of range, constant or repeated",
          id, count);
    defined[static_cast<size_t>(id)] = true;
  }
  for (size_t i = 0; i < count; ++i)
    if (graph.values[i].constant) defined[i] = true;
  for (const Node& node : graph.nodes) {
    const OpInfo& info = op_info(node.kind);
    const auto arity = static_cast<int>(node.inputs.size());
    check(arity >= info.min_inputs && arity <= info.max_inputs, ErrorCode::Internal,
          "{} '{}': {} operands, expected {} to {}", info.name, node.source, arity, info.min_inputs,
          info.max_inputs);
    check(node.attrs.index() == info.attrs_index, ErrorCode::Internal,
          "{} '{}': attributes of another op", info.name, node.source);
    check(info.fused == (node.body != nullptr), ErrorCode::Internal,
          "{} '{}': a body belongs to fused ops, and to all of them", info.name, node.source);
    for (ValueId id : node.inputs)
      check(known(id) && defined[static_cast<size_t>(id)], ErrorCode::Internal,
            "{} '{}': operand {} is used before it is defined", info.name, node.source, id);
    check(known(node.output) && !defined[static_cast<size_t>(node.output)], ErrorCode::Internal,
          "{} '{}': result {} is defined twice or out of range", info.name, node.source,
          node.output);
    defined[static_cast<size_t>(node.output)] = true;
  }
  for (ValueId id : graph.outputs)
    check(known(id) && defined[static_cast<size_t>(id)], ErrorCode::Internal,
          "graph: output {} is never computed", id);
}

void verify_constant(const Value& value) {
  const Constant& constant = *value.constant;
  const TensorType type{constant.dtype, constant.dims};
  check(type == value.type, ErrorCode::Internal, "constant '{}': {} {}, its value is {} {}",
        value.name, dtype_name(type.dtype), to_string(type.dims), dtype_name(value.type.dtype),
        to_string(value.type.dims));
  const bool known_storage =
      constant.dtype == DType::Float32 ||
      (constant.dtype == DType::BFloat16 && constant.layout == Layout::Panel16);
  check(known_storage, ErrorCode::Internal,
        "constant '{}' is {} in layout {}, expected F32, or BF16 in panel16", value.name,
        dtype_name(constant.dtype), layout_name(constant.layout));
  const size_t expected = storage_bytes(constant.dtype, constant.dims, constant.layout);
  check(constant.bytes.data() == nullptr || constant.bytes.size() == expected, ErrorCode::Internal,
        "constant '{}' {}: {} bytes, expected {}", value.name, to_string(constant.dims),
        constant.bytes.size(), expected);
}

/// Weights in panels or in bfloat16 are for the products that know how to read them: any other op,
/// a view or a graph output would take them for rows of float32.
void verify_storage(const Graph& graph) {
  const auto is_packed = [&](ValueId id) {
    const auto& constant = graph.value(id).constant;
    return constant && constant->layout != Layout::RowMajor;
  };
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_matrix_operand(node.kind, i)) continue;
      check(!is_packed(node.inputs[i]), ErrorCode::Internal,
            "{} '{}': operand {} is packed in panels, expected row_major", op_info(node.kind).name,
            node.source, i);
      const DType dtype = graph.value(node.inputs[i]).type.dtype;
      check(dtype != DType::BFloat16, ErrorCode::Internal,
            "{} '{}': operand {} is {}, expected F32", op_info(node.kind).name, node.source, i,
            dtype_name(dtype));
    }
  }
  for (ValueId id : graph.outputs)
    check(!is_packed(id), ErrorCode::Internal, "graph: output {} is a constant packed in panels",
          id);
}

std::vector<TensorType> operand_types(const Node& node, const std::vector<TensorType>& types) {
  std::vector<TensorType> result;
  for (ValueId id : node.inputs) result.push_back(types[static_cast<size_t>(id)]);
  return result;
}

}  // namespace

std::vector<TensorType> infer_types(const Graph& graph, std::span<const TensorType> inputs) {
  check(inputs.size() == graph.inputs.size(), ErrorCode::InvalidArgument,
        "graph: {} input types, expected {}", inputs.size(), graph.inputs.size());
  std::vector<TensorType> types(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i)
    if (graph.values[i].constant) types[i] = graph.values[i].type;
  for (size_t i = 0; i < inputs.size(); ++i)
    types[static_cast<size_t>(graph.inputs[i])] = inputs[i];
  for (const Node& node : graph.nodes)
    types[static_cast<size_t>(node.output)] = infer_type(node, operand_types(node, types));
  return types;
}

void verify(const Graph& graph) {
  verify_structure(graph);
  for (const Value& value : graph.values)
    if (value.constant) verify_constant(value);
  verify_storage(graph);
  std::vector<TensorType> inputs;
  for (ValueId id : graph.inputs) inputs.push_back(graph.value(id).type);
  const std::vector<TensorType> types = infer_types(graph, inputs);
  for (const Node& node : graph.nodes) {
    const TensorType& stored = graph.value(node.output).type;
    const TensorType& inferred = types[static_cast<size_t>(node.output)];
    check(stored == inferred, ErrorCode::Internal, "{} '{}': stored type {}, inferred {}",
          op_info(node.kind).name, node.source, to_string(stored.dims), to_string(inferred.dims));
    if (!node.body) continue;
    const auto body_types = infer_types(*node.body, operand_types(node, types));
    const TensorType& result = body_types[static_cast<size_t>(node.body->outputs.at(0))];
    check(result == inferred, ErrorCode::Internal, "{} '{}': its body computes {}, expected {}",
          op_info(node.kind).name, node.source, to_string(result.dims), to_string(inferred.dims));
  }
}

}  // namespace vitro
