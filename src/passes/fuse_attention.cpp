#include <optional>

#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

const TransposeAttrs kSwapTokensAndHeads{{0, 2, 1, 3}};

/// One of q, k and v: transpose(reshape(slice(qkv))).
struct Heads {
  ValueId qkv;
  int64_t heads, head_dim;
  bool operator==(const Heads&) const = default;
};

std::optional<Heads> match_heads(const Matcher& matcher, ValueId id, int64_t part) {
  const Graph& graph = matcher.graph();
  const Node* transpose = matcher.sole_producer(id, OpKind::Transpose);
  if (!transpose || transpose->as<TransposeAttrs>() != kSwapTokensAndHeads) return std::nullopt;
  const Node* reshape = matcher.sole_producer(transpose->inputs[0], OpKind::Reshape);
  if (!reshape || !copies_leading(graph, *reshape, 2)) return std::nullopt;
  const Node* slice = matcher.sole_producer(reshape->inputs[0], OpKind::Slice);
  if (!slice) return std::nullopt;
  const Dims& split = graph.value(reshape->output()).type.dims;  // [n, tokens, heads, head_dim]
  const Dims& packed = graph.value(slice->inputs[0]).type.dims;  // [n, tokens, 3 * channels]
  if (packed.size() != 3) return std::nullopt;
  const int64_t channels = packed[2] / 3;
  if (slice->as<SliceAttrs>() != slice_of(2, part * channels, (part + 1) * channels) ||
      packed[2] != 3 * channels)
    return std::nullopt;
  return Heads{slice->inputs[0], split[2], split[3]};
}

struct Scores {
  const Node* matmul;
  float scale;
};

/// matmul(q, transposed k), times a scalar or not.
std::optional<Scores> match_scores(const Matcher& matcher, ValueId id) {
  const Graph& graph = matcher.graph();
  float scale = 1.0f;
  if (const Node* mul = matcher.sole_producer(id, BinaryFunction::Mul)) {
    if (!is_weight(graph, mul->inputs[1])) return std::nullopt;
    const auto factors = graph.value(mul->inputs[1]).constant->floats();
    if (factors.size() != 1) return std::nullopt;
    scale = factors[0];
    id = mul->inputs[0];
  }
  const Node* matmul = matcher.sole_producer(id, OpKind::MatMul);
  if (!matmul || matmul->as<MatMulAttrs>() != MatMulAttrs{true}) return std::nullopt;
  return Scores{matmul, scale};
}

bool fuse(const Matcher& matcher, Node& merge) {
  if (merge.kind != OpKind::Reshape) return false;
  Graph& graph = matcher.graph();
  if (graph.value(merge.output()).type.dims.size() != 3 || !copies_leading(graph, merge, 2))
    return false;
  const Node* rows = matcher.sole_producer(merge.inputs[0], OpKind::Transpose);
  if (!rows || rows->as<TransposeAttrs>() != kSwapTokensAndHeads) return false;
  const Node* context = matcher.sole_producer(rows->inputs[0], OpKind::MatMul);
  if (!context || context->as<MatMulAttrs>() != MatMulAttrs{false}) return false;
  const Node* softmax = matcher.sole_producer(context->inputs[0], OpKind::Softmax);
  if (!softmax || softmax->as<SoftmaxAttrs>().axis != -1) return false;
  const auto scores = match_scores(matcher, softmax->inputs[0]);
  if (!scores) return false;
  const auto q = match_heads(matcher, scores->matmul->inputs[0], 0);
  const auto k = match_heads(matcher, scores->matmul->inputs[1], 1);
  const auto v = match_heads(matcher, context->inputs[1], 2);
  if (!q || q != k || q != v) return false;
  become_fused(graph, merge, OpKind::Attention,
               AttentionAttrs{q->heads, q->head_dim, scores->scale}, {q->qkv});
  return true;
}

}  // namespace

void fuse_attention(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
