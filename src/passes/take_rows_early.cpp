#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// Whether a slice takes one row of [..., rows, columns].
bool takes_one_row(const Graph& graph, const Node& slice) {
  if (slice.kind != OpKind::Slice || slice.inputs.size() != 1) return false;
  const auto& attrs = slice.as<SliceAttrs>();
  const auto rank = static_cast<int64_t>(graph.value(slice.inputs[0]).type.dims.size());
  if (rank < 2 || attrs.axes.size() != 1 || !(attrs.steps.empty() || attrs.steps[0] == 1))
    return false;
  const int64_t axis = attrs.axes[0] < 0 ? attrs.axes[0] + rank : attrs.axes[0];
  return axis == rank - 2 && attrs.begins[0] >= 0 && attrs.ends[0] == attrs.begins[0] + 1;
}

/// A gather of one position as a slice and a squeeze, where it takes a row of a softmax.
bool take_by_slice(const Matcher& matcher, Node& gather) {
  Graph& graph = matcher.graph();
  if (gather.kind != OpKind::Gather || !matcher.producer(gather.inputs[0], OpKind::Softmax))
    return false;
  const Value& indices = graph.value(gather.inputs[1]);
  const auto rank = static_cast<int64_t>(graph.value(gather.inputs[0]).type.dims.size());
  const auto& attrs = gather.as<GatherAttrs>();
  const int64_t axis = attrs.axis < 0 ? attrs.axis + rank : attrs.axis;
  if (!indices.constant || !indices.type.dims.empty() || attrs.batch_dims > 0 || axis != rank - 2)
    return false;
  const Contents position = contents_of(*indices.constant);
  if (!position || position->front() < 0) return false;
  const Value& result = graph.value(gather.output());
  Value row{unique_name(graph, result.name), graph.value(gather.inputs[0]).type, std::nullopt};
  row.type.dims[static_cast<size_t>(axis)] = 1;
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back(std::move(row));
  Node squeeze{OpKind::Squeeze, AxesAttrs{{axis}}, {id}, gather.outputs, gather.source, nullptr};
  gather = {OpKind::Slice,      slice_of(axis, position->front(), position->front() + 1),
            {gather.inputs[0]}, {id},
            gather.source,      nullptr};
  const auto after = graph.nodes.begin() + (&gather - graph.nodes.data()) + 1;
  graph.nodes.insert(after, std::move(squeeze));
  return true;
}

/// Which operand of an op has the rows that its result has, each of which is made of one alone.
std::optional<size_t> operand_of_rows(const Graph& graph, const Node& node) {
  const auto rank = static_cast<int64_t>(graph.value(node.output()).type.dims.size());
  const auto has_rank = [&](size_t i) {
    return static_cast<int64_t>(graph.value(node.inputs[i]).type.dims.size()) == rank;
  };
  if (node.kind == OpKind::MatMul && has_rank(0)) return 0;
  if (node.kind == OpKind::Softmax) {
    const int64_t axis = node.as<SoftmaxAttrs>().axis;
    if (axis == -1 || axis == rank - 1) return 0;
  }
  if (is(node, BinaryFunction::Mul) || is(node, BinaryFunction::Div))
    for (size_t i = 0; i < 2; ++i)
      if (scalar_value(graph, node.inputs[1 - i]) && has_rank(i)) return i;
  return std::nullopt;
}

bool take_early(const Matcher& matcher, Node& slice) {
  Graph& graph = matcher.graph();
  if (take_by_slice(matcher, slice)) return true;
  if (!takes_one_row(graph, slice)) return false;
  const Node* source = matcher.producer(slice.inputs[0]);
  const auto operand = source ? operand_of_rows(graph, *source) : std::nullopt;
  if (!operand) return false;
  auto attrs = slice.as<SliceAttrs>();
  const auto rank = static_cast<int64_t>(graph.value(slice.output()).type.dims.size());
  const auto* product = std::get_if<MatMulAttrs>(&source->attrs);
  attrs.axes[0] = product && product->transpose_a ? rank - 1 : rank - 2;
  Node late = *source;
  const ValueId rows = source->inputs[*operand];
  Value row{unique_name(graph, graph.value(rows).name), graph.value(rows).type, std::nullopt};
  row.type.dims[static_cast<size_t>(attrs.axes[0])] = 1;
  late.inputs[*operand] = static_cast<ValueId>(graph.values.size());
  late.outputs = slice.outputs;
  slice.attrs = attrs;
  slice.inputs = {rows};
  slice.outputs = {late.inputs[*operand]};
  graph.values.push_back(std::move(row));
  const auto after = graph.nodes.begin() + (&slice - graph.nodes.data()) + 1;
  graph.nodes.insert(after, std::move(late));
  return true;
}

}  // namespace

void take_rows_early(Graph& graph) { rewrite_nodes(graph, take_early); }

}  // namespace vitro
