#include <algorithm>
#include <cmath>

#include "passes/affine.h"
#include "passes/passes.h"

namespace vitro {
namespace {

bool fold_scale(const Matcher& matcher, Node& attention) {
  if (attention.kind != OpKind::Attention) return false;
  AttentionAttrs attrs = attention.as<AttentionAttrs>();
  if (attrs.scale == 1.0f || !std::isfinite(attrs.scale)) return false;
  Graph& graph = matcher.graph();
  Node* qkv = matcher.sole_producer(matcher.before_views(attention.inputs[0]), OpKind::Linear);
  if (!qkv || !has_weights(graph, *qkv)) return false;
  const auto rows = static_cast<size_t>(last_extent(graph, qkv->output()));
  ChannelAffine affine{std::vector<double>(rows, 1.0), std::vector<double>(rows)};
  // The queries are the first third of [3, heads, head_dim].
  std::fill_n(affine.scale.begin(), attrs.heads * attrs.head_dim, double{attrs.scale});
  fold_affine_after(graph, *qkv, affine);
  attrs.scale = 1.0f;
  become_fused(graph, attention, OpKind::Attention, attrs, attention.inputs);
  return true;
}

}  // namespace

void fold_attention_scale(Graph& graph) { rewrite_nodes(graph, fold_scale); }

}  // namespace vitro
