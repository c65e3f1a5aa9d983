#include <algorithm>

#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

/// A mean over axes other than the channels.
bool pools(const Graph& graph, const Node& node) {
  return is(node, ReduceFunction::Mean) && keeps_channels(graph, node);
}

/// Readers other than means are linears, so that the batch_norm before them can go as well.
bool worth_commuting(const Matcher& matcher, const Node& batch_norm) {
  const std::vector<Node*> readers = matcher.readers(batch_norm.output());
  if (readers.size() != matcher.num_uses(batch_norm.output())) return false;  // a graph output
  // fold_batch_norm folds it into the op before it, whoever reads it.
  if (matcher.absorber(batch_norm.inputs[0])) return false;
  return std::all_of(readers.begin(), readers.end(), [&](const Node* reader) {
    return pools(matcher.graph(), *reader) ||
           (reader->kind == OpKind::Linear && reader->inputs[0] == batch_norm.output() &&
            has_weights(matcher.graph(), *reader));
  });
}

bool commute(const Matcher& matcher, Node& mean) {
  Graph& graph = matcher.graph();
  if (!pools(graph, mean)) return false;
  const Node* norm = matcher.producer(mean.inputs[0], OpKind::BatchNorm);
  if (!norm || !batch_norm_affine(graph, *norm) || !worth_commuting(matcher, *norm)) return false;
  Node pooled_norm = *norm;
  pooled_norm.inputs[0] = static_cast<ValueId>(graph.values.size());
  pooled_norm.outputs = {mean.output()};
  const Value& result = graph.value(mean.output());
  Value pooled{unique_name(graph, result.name), result.type, std::nullopt};
  graph.values.push_back(std::move(pooled));
  mean.inputs[0] = norm->inputs[0];
  mean.outputs = {pooled_norm.inputs[0]};
  const auto after = graph.nodes.begin() + (&mean - graph.nodes.data()) + 1;
  graph.nodes.insert(after, std::move(pooled_norm));
  return true;
}

}  // namespace

void fold_pooled_batch_norm(Graph& graph) { rewrite_nodes(graph, commute); }

}  // namespace vitro
