#include <algorithm>

#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// How many of the last axes have weights.
int64_t num_axes(const Node& norm) {
  return norm.kind == OpKind::LayerNorm ? norm.as<NormAttrs>().axes : 1;
}

/// A weight for each element of the axes that a norm has weights for.
bool fits(const Graph& graph, const Node& norm, ValueId id) {
  if (!is_weight(graph, id)) return false;
  const Dims& x = graph.value(norm.inputs[0]).type.dims;
  const auto count = num_axes(norm);
  const Dims last(x.end() - count, x.end());
  const Dims& dims = graph.value(id).type.dims;  // extents of 1 may stand before them
  if (dims.size() < last.size() || dims.size() > x.size()) return false;
  const auto begin = dims.end() - count;
  return std::equal(begin, dims.end(), last.begin()) &&
         std::all_of(dims.begin(), begin, [](int64_t extent) { return extent == 1; });
}

std::vector<double> operand_or(const Graph& graph, const Node& norm, size_t index, size_t count,
                               double otherwise) {
  if (!norm.has_input(index)) return std::vector<double>(count, otherwise);
  const auto values = graph.value(norm.inputs[index]).constant->floats();
  return {values.begin(), values.end()};
}

void set_operand(Graph& graph, Node& norm, size_t index, const Dims& dims, const std::string& name,
                 const std::vector<double>& values) {
  auto [constant, dst] = allocate_floats(dims);
  std::transform(values.begin(), values.end(), dst.begin(),
                 [](double value) { return static_cast<float>(value); });
  const TensorType type = constant.type;
  graph.values.push_back({unique_name(graph, name), type, std::move(constant)});
  norm.inputs.resize(std::max(norm.inputs.size(), index + 1), kAbsent);
  norm.inputs[index] = static_cast<ValueId>(graph.values.size() - 1);
}

bool fold(const Matcher& matcher, Node& node) {
  const bool scales = is(node, BinaryFunction::Mul);
  if (!scales && !is(node, BinaryFunction::Add)) return false;
  Graph& graph = matcher.graph();
  for (const size_t i : {size_t{0}, size_t{1}}) {
    Node* norm = matcher.sole_producer(node.inputs[i], OpKind::LayerNorm);
    if (!norm) norm = matcher.sole_producer(node.inputs[i], OpKind::GroupNorm);
    const ValueId operand = node.inputs[1 - i];
    if (!norm || !fits(graph, *norm, operand) || !has_weights(graph, *norm)) continue;
    const Constant factors = *graph.value(operand).constant;
    const Dims dims(factors.type.dims.end() - num_axes(*norm), factors.type.dims.end());
    const auto values = factors.floats();
    auto weight = operand_or(graph, *norm, 1, values.size(), 1.0);
    auto bias = operand_or(graph, *norm, 2, values.size(), 0.0);
    for (size_t j = 0; j < values.size(); ++j) {
      weight[j] *= scales ? values[j] : 1.0;
      bias[j] = scales ? bias[j] * values[j] : bias[j] + values[j];
    }
    const std::string name = graph.value(operand).name;
    set_operand(graph, *norm, 1, dims, name, weight);
    set_operand(graph, *norm, 2, dims, name, bias);
    replace_uses(graph, node.output(), norm->output());
    return true;
  }
  return false;
}

}  // namespace

void fold_norm_weights(Graph& graph) { rewrite_nodes(graph, fold); }

}  // namespace vitro
