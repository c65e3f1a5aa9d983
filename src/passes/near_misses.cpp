#include <fmt/format.h>

#include "ir/op_info.h"
#include "passes/match_attention.h"
#include "passes/near_miss.h"
#include "passes/quantized_product.h"

namespace vitro {
namespace {

/// "add 'blocks.0' of 1x49x96".
std::string described(const Matcher& matcher, ValueId id) {
  const Value& value = matcher.graph().value(id);
  const Node* node = matcher.producer(id);
  return fmt::format("{}'{}' of {}", node ? std::string(op_name(*node)) + " " : "",
                     node ? node->source : value.name, to_string(value.type.dims));
}

/// Why x + fc2(gelu(fc1(x))) is none; `fc1` makes what the activation reads.
std::string mlp_reason(const Matcher& matcher, const Node& activation, const Node& fc1,
                       const Node& fc2) {
  if (!is(activation, UnaryFunction::Gelu))
    return fmt::format("the activation is {}, expected gelu", op_name(activation));
  for (const Node* node : {&fc1, &activation, &fc2})
    if (matcher.num_uses(node->output()) != 1)
      return fmt::format("{} is read {} times, expected once", described(matcher, node->output()),
                         matcher.num_uses(node->output()));
  const auto readers = matcher.readers(fc2.output());
  if (readers.empty() || !is(*readers[0], BinaryFunction::Add))
    return fmt::format("{} goes to {}, expected a sum with its input",
                       described(matcher, fc2.output()),
                       readers.empty() ? "no op" : described(matcher, readers[0]->outputs[0]));
  const Node& sum = *readers[0];
  const ValueId residual = sum.inputs[sum.inputs[0] == fc2.output() ? 1 : 0];
  ValueId input = fc1.inputs[0];
  if (const Node* norm = matcher.producer(input, OpKind::LayerNorm)) {
    if (norm->has_input(1))
      return fmt::format("{} has weights that are read elsewhere", described(matcher, input));
    input = norm->inputs[0];
  }
  if (input != residual)
    return fmt::format("the sum is with {}, expected {}, which {} is made of",
                       described(matcher, residual), described(matcher, input),
                       described(matcher, fc1.output()));
  return fmt::format("the sum of {} broadcasts", described(matcher, residual));
}

void find_mlp_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  for (const Node& node : matcher.graph().nodes) {
    if (node.kind != OpKind::Unary) continue;
    const Node* fc1 = matcher.producer(node.inputs[0], OpKind::Linear);
    const auto readers = matcher.readers(node.output());
    if (!fc1 || readers.empty() || readers[0]->kind != OpKind::Linear) continue;
    // A convolution of ours to and from more channels looks the same; it is no miss without gelu.
    const bool is_gelu = is(node, UnaryFunction::Gelu) || is(node, UnaryFunction::GeluTanh);
    if (is_gelu)
      misses.push_back({"mlp", node.source, mlp_reason(matcher, node, *fc1, *readers[0])});
  }
}

/// Why x + proj(attention(qkv(layer_norm(x)))) is none.
std::string block_reason(const Matcher& matcher, const Node& attention) {
  const Graph& graph = matcher.graph();
  if (attention.has_input(1))
    return fmt::format("the scores have a bias, {}", described(matcher, attention.inputs[1]));
  const Node* qkv = matcher.producer(matcher.before_views(attention.inputs[0]), OpKind::Linear);
  if (!qkv)
    return fmt::format("queries, keys and values are {}, expected a linear",
                       described(matcher, attention.inputs[0]));
  const ValueId normed = matcher.before_views(qkv->inputs[0]);
  const Node* norm = matcher.producer(normed, OpKind::LayerNorm);
  if (!norm) return fmt::format("qkv is of {}, expected a layer_norm", described(matcher, normed));
  if (norm->has_input(1))
    return fmt::format("{} has weights that are read elsewhere", described(matcher, normed));
  const Dims& x = graph.value(norm->inputs[0]).type.dims;
  if (x.size() != 3 && x.size() != 4)
    return fmt::format("{} is {}, expected tokens [n, t, c] or a map [n, h, w, c]",
                       described(matcher, norm->inputs[0]), to_string(x));
  return fmt::format("the projection is not added to {}", described(matcher, norm->inputs[0]));
}

void find_block_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  for (const Node& node : matcher.graph().nodes)
    if (node.kind == OpKind::Attention)
      misses.push_back({"attention_block", node.source, block_reason(matcher, node)});
}

void find_attention_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  AttentionMatcher attention(matcher);
  for (const Node& node : matcher.graph().nodes) {
    if (node.kind != OpKind::Softmax) continue;
    const auto match = attention.match(node);
    const std::string reason =
        match ? "queries, keys and values do not come from linears of one input, or the bias is "
                "too large or no float32"
              : attention.miss();
    if (!reason.empty()) misses.push_back({"attention", node.source, reason});
  }
}

/// Pieces of erf are those of a gelu with other factors.
void find_gelu_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  for (const Node& node : matcher.graph().nodes)
    if (is(node, UnaryFunction::Erf))
      misses.push_back({"gelu", node.source,
                        fmt::format("erf is of {}, and what reads it is not x / 2 (1 + erf(x / "
                                    "1.41421)) of one x",
                                    described(matcher, node.inputs[0]))});
}

/// x - mean(x) that is squared, but not divided by its deviation.
void find_norm_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  for (const Node& node : matcher.graph().nodes) {
    if (!is(node, BinaryFunction::Sub)) continue;
    const Node* mean = matcher.producer(node.inputs[1], ReduceFunction::Mean);
    if (!mean || mean->inputs[0] != node.inputs[0]) continue;
    misses.push_back(
        {"layer_norm", node.source,
         mean->as<ReduceAttrs>().keep_dims
             ? "the difference from the mean is not divided by the root of the mean of "
               "its square plus a constant"
             : "the mean does not keep its axes"});
  }
}

/// Products of what the model itself quantizes that stay in floats.
void find_explicit_misses(const Matcher& matcher, std::vector<NearMiss>& misses) {
  for (Node& node : matcher.graph().nodes) {
    std::string reason;
    match_explicit_product(matcher, node, reason);
    if (!reason.empty())
      misses.push_back({fmt::format("quantized_{}", op_name(node)), node.source, reason});
  }
}

}  // namespace

std::vector<NearMiss> near_misses(const Graph& graph) {
  Graph copy = graph;  // a matcher hands out nodes to change
  const Matcher matcher(copy);
  std::vector<NearMiss> misses;
  find_attention_misses(matcher, misses);
  find_block_misses(matcher, misses);
  find_mlp_misses(matcher, misses);
  find_gelu_misses(matcher, misses);
  find_norm_misses(matcher, misses);
  find_explicit_misses(matcher, misses);
  return misses;
}

}  // namespace vitro
