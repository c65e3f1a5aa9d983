#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

bool fuse(const Matcher& matcher, Node& add, ValueId x, ValueId branch) {
  Graph& graph = matcher.graph();
  // x is a map [n, h, w, c], or tokens [n, t, c]
  const size_t rank = graph.value(x).type.dims.size();
  if (rank != 3 && rank != 4) return false;
  const Node* proj = matcher.sole_linear(matcher.before_views(branch));
  if (!proj) return false;
  const Node* attention =
      matcher.sole_producer(matcher.before_views(proj->inputs[0]), OpKind::Attention);
  if (!attention || attention->has_input(1)) return false;
  const Node* qkv = matcher.sole_linear(matcher.before_views(attention->inputs[0]));
  if (!qkv) return false;
  const Node* norm = matcher.sole_producer(matcher.before_views(qkv->inputs[0]), OpKind::LayerNorm);
  if (!norm || norm->has_input(1) || norm->inputs[0] != x || norm->as<NormAttrs>().axes != 1)
    return false;
  const auto are_all_pixels = [&](const std::vector<TensorType>& types) {
    const Dims& tokens = types[static_cast<size_t>(attention->output())].dims;
    const Dims& image = types[static_cast<size_t>(x)].dims;
    return tokens[0] == image[0] && tokens[1] == image[1] * (rank == 4 ? image[2] : 1);
  };
  if (!matcher.same_types(x, branch) || !matcher.holds(are_all_pixels)) return false;
  const int64_t c = last_extent(graph, x);
  const auto& attrs = attention->as<AttentionAttrs>();
  if (attrs.heads * attrs.head_dim != c || last_extent(graph, proj->output()) != c) return false;
  const AttentionBlockAttrs block{attrs.heads, attrs.head_dim, attrs.scale,
                                  norm->as<NormAttrs>().eps};
  const ValueId qkv_bias = bias_or_zeros(graph, *qkv), proj_bias = bias_or_zeros(graph, *proj);
  become_fused(
      graph, add, OpKind::AttentionBlock, block,
      with_quantization({x, qkv->inputs[1], qkv_bias, proj->inputs[1], proj_bias}, *qkv, *proj));
  return true;
}

}  // namespace

void fuse_attention_block(Graph& graph) { rewrite_sums(graph, fuse); }

}  // namespace vitro
