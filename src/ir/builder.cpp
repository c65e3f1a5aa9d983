#include "ir/builder.h"

#include "core/check.h"
#include "ir/fused_ops.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {

ValueId GraphBuilder::input(std::string name, Dims dims, DType dtype) {
  const auto id = static_cast<ValueId>(graph_.values.size());
  graph_.values.push_back({std::move(name), {dtype, std::move(dims)}, std::nullopt});
  graph_.inputs.push_back(id);
  return id;
}

ValueId GraphBuilder::constant(std::string name, Constant constant) {
  const auto id = static_cast<ValueId>(graph_.values.size());
  TensorType type{constant.dtype, constant.dims};
  graph_.values.push_back({std::move(name), std::move(type), std::move(constant)});
  return id;
}

ValueId GraphBuilder::op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                         const std::string& source) {
  const OpInfo& info = op_info(kind);
  Node node{kind,   std::move(attrs), std::move(inputs), static_cast<ValueId>(graph_.values.size()),
            source, nullptr};
  std::vector<TensorType> types;
  for (ValueId id : node.inputs) types.push_back(graph_.value(id).type);
  const auto count = static_cast<int>(types.size());
  check(count >= info.min_inputs && count <= info.max_inputs &&
            node.attrs.index() == info.attrs_index,
        ErrorCode::Internal, "{} '{}': {} operands or the attributes of another op", info.name,
        source, count);
  TensorType type = infer_type(node, types);
  if (info.fused) node.body = std::make_shared<Graph>(fused_body(kind, node.attrs, types));
  // Names are unique by their position; two nodes of one module share a source.
  graph_.values.push_back(
      {fmt::format("{}.{}", source, graph_.nodes.size()), std::move(type), std::nullopt});
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().output;
}

Graph GraphBuilder::finish(std::vector<ValueId> outputs) {
  graph_.outputs = std::move(outputs);
  verify(graph_);
  return std::exchange(graph_, Graph{});
}

}  // namespace vitro
