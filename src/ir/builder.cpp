#include "ir/builder.h"

#include "core/check.h"
#include "ir/fused_ops.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {

ValueId GraphBuilder::add(Value value, Contents contents) {
  known_.types.push_back(value.type);
  known_.contents.push_back(std::move(contents));
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId GraphBuilder::input(std::string name, Dims dims, DType dtype,
                            std::vector<DimRange> ranges) {
  const ValueId id = add({name, {dtype, std::move(dims)}, std::nullopt});
  graph_.inputs.push_back({std::move(name), id, std::move(ranges)});
  return id;
}

ValueId GraphBuilder::constant(std::string name, Constant constant) {
  TensorType type = constant.type;
  Contents contents = contents_of(constant);
  return add({std::move(name), std::move(type), std::move(constant)}, std::move(contents));
}

ValueId GraphBuilder::op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                         const std::string& source) {
  return ops(kind, std::move(attrs), std::move(inputs), 1, source)[0];
}

std::vector<ValueId> GraphBuilder::ops(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                                       size_t num_outputs, const std::string& source) {
  while (!inputs.empty() && inputs.back() == kAbsent) inputs.pop_back();
  if (std::holds_alternative<std::monostate>(attrs)) attrs = usual_attrs(kind);
  Node node{kind, std::move(attrs), std::move(inputs), {}, source, nullptr};
  for (size_t i = 0; i < num_outputs; ++i)
    node.outputs.push_back(static_cast<ValueId>(graph_.values.size() + i));
  verify_signature(node);
  const auto operands = operands_of(node, known_.types, known_.contents);
  const std::vector<TensorType> results = infer_results(node, operands);
  const Contents contents = known_contents(node, operands, results[0]);
  if (op_info(kind).fused) node.body = std::make_shared<Graph>(fused_body(graph_, node));
  // Names are unique by their position; two nodes of one module share a source.
  for (size_t i = 0; i < num_outputs; ++i)
    add({i == 0 ? fmt::format("{}.{}", source, graph_.nodes.size())
                : fmt::format("{}.{}.{}", source, graph_.nodes.size(), i),
         results[i], std::nullopt},
        i == 0 ? contents : std::nullopt);
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().outputs;
}

Graph GraphBuilder::last_node_alone() const {
  Graph alone;
  Node node = graph_.nodes.back();
  const auto add = [&](ValueId& id) {
    if (id == kAbsent) return;
    alone.values.push_back(graph_.value(id));
    id = static_cast<ValueId>(alone.values.size() - 1);
  };
  for (ValueId& id : node.inputs) add(id);
  for (ValueId& id : node.outputs) {
    add(id);
    alone.outputs.push_back({alone.values.back().name, id, {}});
  }
  alone.nodes.push_back(std::move(node));
  return alone;
}

Graph GraphBuilder::finish(std::vector<ValueId> outputs, std::vector<std::string> names) {
  for (size_t i = names.size(); i < outputs.size(); ++i)
    names.push_back(outputs.size() == 1 ? "output" : fmt::format("output{}", i));
  for (size_t i = 0; i < outputs.size(); ++i)
    graph_.outputs.push_back({std::move(names[i]), outputs[i], {}});
  verify(graph_);
  known_ = {};
  return std::exchange(graph_, Graph{});
}

}  // namespace vitro
