#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {

void expand_squares(Graph& graph) {
  rewrite_nodes(graph, [](const Matcher& matcher, Node& node) {
    if (!is(node, BinaryFunction::Pow)) return false;
    if (scalar_value(matcher.graph(), node.inputs[1]) != 2) return false;
    if (!matcher.same_types(node.inputs[0], node.output())) return false;
    node.attrs = BinaryAttrs{BinaryFunction::Mul};
    node.inputs[1] = node.inputs[0];
    return true;
  });
}

}  // namespace vitro
