#include <cmath>

#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// x and a number, in either order.
struct Bounded {
  ValueId x, bound;
  double value;
};

std::optional<Bounded> match_bound(const Graph& graph, const Node& node) {
  for (const size_t i : {size_t{1}, size_t{0}}) {
    const ValueId x = node.inputs[1 - i], bound = node.inputs[i];
    const auto value = scalar_value(graph, bound);
    if (value && graph.value(x).type == graph.value(node.output()).type)
      return Bounded{x, bound, *value};
  }
  return std::nullopt;
}

void become(Node& node, OpKind kind, Attrs attrs, std::vector<ValueId> inputs) {
  node.kind = kind;
  node.attrs = std::move(attrs);
  node.inputs = std::move(inputs);
}

bool fuse(const Matcher& matcher, Node& node) {
  Graph& graph = matcher.graph();
  if (node.kind == OpKind::Clip) {
    const bool is_relu = node.has_input(1) && scalar_value(graph, node.inputs[1]) == 0.0 &&
                         (!node.has_input(2) || scalar_value(graph, node.inputs[2]) == INFINITY);
    if (is_relu) become(node, OpKind::Unary, UnaryAttrs{UnaryFunction::Relu}, {node.inputs[0]});
    return is_relu;
  }
  if (is(node, BinaryFunction::Max)) {
    const auto low = match_bound(graph, node);
    if (!low || low->value != 0.0) return false;
    become(node, OpKind::Unary, UnaryAttrs{UnaryFunction::Relu}, {low->x});
    return true;
  }
  if (!is(node, BinaryFunction::Min)) return false;
  const auto high = match_bound(graph, node);
  if (!high || !(high->value >= 0)) return false;
  const Node* relu = matcher.sole_producer(high->x, UnaryFunction::Relu);
  if (!relu) return false;
  const float zero = 0;
  const ValueId low = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({unique_name(graph, graph.value(high->bound).name),
                          {DType::Float32, {}},
                          make_constant({}, {&zero, 1})});
  become(node, OpKind::Clip, {}, {relu->inputs[0], low, high->bound});
  return true;
}

}  // namespace

void fuse_clip(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
