#include "models/token_pruning.h"

#include <fmt/ranges.h>

#include "ir/infer.h"

namespace vitro {
namespace {

constexpr int64_t kKeptPart = 2;        ///< one token of so many is kept
constexpr float kScoreTradeOff = 0.5f;  ///< weight of the new one when scores are blended
constexpr int64_t kTokenAxis = 1;
constexpr int64_t kToEnd = kMaxElements;

}  // namespace

ValueId PrunedStages::stage(ValueId x, size_t stage) {
  const int64_t c = layers_.channels(x), depth = config_.depth[stage];
  const bool is_last_stage = stage + 1 == config_.depth.size();
  class_token_ = is_last_stage ? layers_.linear(class_token_, "cls_upsample", c) : class_token(x);
  for (int64_t i = 0; i < depth; ++i) {
    const std::string name = fmt::format("blocks{}.{}", stage + 1, i);
    x = layers_.positional(x, name + ".pos_embed");
    ValueId tokens = builder_.op(OpKind::Reshape, ReshapeAttrs{{0, -1, c}}, {x}, name);
    tokens = scores_ == kAbsent ? whole_block(tokens, name)
                                : pruned_block(tokens, name, is_last_stage && i + 1 == depth);
    x = builder_.op(OpKind::ReshapeLike, {}, {tokens, x}, name);
  }
  if (!is_last_stage) scores_ = pooled_scores(x, fmt::format("blocks{}", stage + 1));
  return x;
}

ValueId PrunedStages::whole_block(ValueId tokens, const std::string& name) {
  const Attended all = attend(joined({class_token_, tokens}, name), name, false, false);
  class_token_ = part(all.tokens, 0, 1, name);
  scores_ = all.class_attention;
  return part(all.tokens, 1, kToEnd, name);
}

ValueId PrunedStages::pruned_block(ValueId tokens, const std::string& name, bool is_last) {
  const ValueId count = extent(tokens, kTokenAxis, name);
  const ValueId kept = builder_.op(BinaryFunction::Div, count, integers({kKeptPart}), name);
  const ValueId none = integers({0}), all = integers({kToEnd});
  const auto sorted =
      builder_.ops(OpKind::TopK, TopKAttrs{kTokenAxis, 1, true}, {scores_, count}, 2, name);
  const auto reordered = [&](ValueId x, ValueId order) {
    return builder_.op(OpKind::Gather, GatherAttrs{kTokenAxis, 1}, {x, order}, name);
  };
  tokens = reordered(tokens, sorted[1]);
  const ValueId dropped = computed_part(tokens, kept, all, name),
                kept_scores = computed_part(sorted[0], none, kept, name),
                dropped_scores = computed_part(sorted[0], kept, all, name);
  const ValueId rest = merged(dropped, dropped_scores, name);

  const Attended slow =
      attend(joined({class_token_, computed_part(tokens, none, kept, name), rest}, name), name,
             true, is_last);
  class_token_ = part(slow.tokens, 0, 1, name);
  const ValueId update =
      builder_.op(BinaryFunction::Sub, part(slow.tokens, -1, kToEnd, name), rest, name);
  const ValueId fast = layers_.add(dropped, update, name);

  // Sorting the positions of an order gives the order back.
  const auto back =
      builder_.ops(OpKind::TopK, TopKAttrs{kTokenAxis, 1, false}, {sorted[1], count}, 2, name);
  if (!is_last)
    scores_ = reordered(
        joined({blended(kept_scores, slow.class_attention, name), dropped_scores}, name), back[1]);
  return reordered(joined({part(slow.tokens, 1, -1, name), fast}, name), back[1]);
}

PrunedStages::Attended PrunedStages::attend(ValueId tokens, const std::string& name,
                                            bool has_merged, bool is_last) {
  const int64_t c = layers_.channels(tokens);
  const ValueId norm = layers_.block_norm(tokens, name + ".norm1");
  const ValueId qkv = layers_.linear(norm, name + ".attn.qkv", 3 * c);
  const ValueId context = layers_.attention(qkv, name + ".attn");
  tokens = layers_.add(tokens, layers_.linear(context, name + ".attn.proj", c), name + ".attn");
  tokens = layers_.add(tokens, layers_.mlp_branch(tokens, name), name + ".mlp");
  return {tokens, is_last ? kAbsent : class_attention(qkv, has_merged, name + ".attn")};
}

/// The mean over heads of softmax(q k^T) in the row of the class token, without itself and the
/// merged token. The attention beside it has that row as well, but shows it to nobody.
ValueId PrunedStages::class_attention(ValueId qkv, bool has_merged, const std::string& name) {
  const int64_t c = layers_.channels(qkv) / 3;
  const AttentionAttrs attrs = layers_.attention_attrs(c);
  const auto heads = [&](ValueId rows, int64_t begin) {
    rows = builder_.op(OpKind::Slice, slice_of(2, begin, begin + c), {rows}, name);
    rows = builder_.op(OpKind::Reshape, ReshapeAttrs{{0, 0, attrs.heads, attrs.head_dim}}, {rows},
                       name);
    return builder_.op(OpKind::Transpose, TransposeAttrs{{0, 2, 1, 3}}, {rows}, name);
  };
  const ValueId q = scaled(heads(part(qkv, 0, 1, name), 0), attrs.scale, name), k = heads(qkv, c);
  const ValueId rows = builder_.op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, name);
  const ValueId weights = builder_.op(OpKind::Softmax, {}, {rows}, name);  // [n, heads, 1, t]
  const ValueId of_tokens =
      builder_.op(OpKind::Slice, slice_of(3, 1, has_merged ? -1 : kToEnd), {weights}, name);
  return builder_.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, {1, 2}}, {of_tokens}, name);
}

/// The tokens [n, t, c] weighted by their share of the scores: [n, 1, c].
ValueId PrunedStages::merged(ValueId tokens, ValueId scores, const std::string& name) {
  const ValueId sum =
      builder_.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Sum, {1}, true}, {scores}, name);
  const ValueId shares = builder_.op(BinaryFunction::Div, scores, sum, name);
  const ValueId row = builder_.op(OpKind::Unsqueeze, AxesAttrs{{1}}, {shares}, name);
  return builder_.op(OpKind::MatMul, {}, {row, tokens}, name);
}

ValueId PrunedStages::blended(ValueId scores, ValueId class_attention, const std::string& name) {
  return layers_.add(scaled(scores, 1.0f - kScoreTradeOff, name),
                     scaled(class_attention, kScoreTradeOff, name), name);
}

/// The class token of every image of a map [n, h, w, c].
ValueId PrunedStages::class_token(ValueId x) {
  const std::string name = "cls_token";
  const int64_t c = layers_.channels(x);
  const ValueId token = layers_.take(name, {1, 1, c}, name);
  const ValueId dims =
      builder_.op(OpKind::Concat, AxisAttrs{0}, {extent(x, 0, name), integers({1, c})}, name);
  return builder_.op(OpKind::Expand, {}, {token, dims}, name);
}

/// Scores for the tokens of a map half as high and wide as x: the sums of the four that become one,
/// so that together they are as much as before.
ValueId PrunedStages::pooled_scores(ValueId x, const std::string& name) {
  const ValueId shape = builder_.op(OpKind::Shape, {}, {x}, name);
  const ValueId sides = builder_.op(OpKind::Slice, slice_of(0, 0, 3), {shape}, name);
  const ValueId dims = builder_.op(OpKind::Concat, AxisAttrs{0}, {sides, integers({1})}, name);
  const ValueId map = builder_.op(OpKind::Reshape, {}, {scores_, dims}, name);
  const PoolAttrs halves{PoolFunction::Average, {2, 2}, {2, 2}, {}, {}, {}};
  const ValueId means = builder_.op(OpKind::Pool, halves, {map}, name);
  const ValueId scores = builder_.op(OpKind::Reshape, ReshapeAttrs{{0, -1}}, {means}, name);
  return scaled(scores, 4.0f, name);
}

ValueId PrunedStages::part(ValueId x, int64_t begin, int64_t end, const std::string& name) {
  return builder_.op(OpKind::Slice, slice_of(kTokenAxis, begin, end), {x}, name);
}

ValueId PrunedStages::computed_part(ValueId x, ValueId begin, ValueId end,
                                    const std::string& name) {
  return builder_.op(OpKind::Slice, SliceAttrs{{kTokenAxis}, {}, {}, {}}, {x, begin, end}, name);
}

ValueId PrunedStages::joined(std::vector<ValueId> parts, const std::string& name) {
  return builder_.op(OpKind::Concat, AxisAttrs{kTokenAxis}, std::move(parts), name);
}

ValueId PrunedStages::integers(const Ints& values) {
  const auto [found, is_new] = integers_.try_emplace(values, kAbsent);
  if (is_new)
    found->second = builder_.constant(fmt::format("integers_{}", fmt::join(values, "_")),
                                      make_constant({static_cast<int64_t>(values.size())}, values));
  return found->second;
}

ValueId PrunedStages::scaled(ValueId x, float factor, const std::string& name) {
  const auto [found, is_new] = factors_.try_emplace(factor, kAbsent);
  if (is_new)
    found->second =
        builder_.constant(fmt::format("factor_{}", factor), make_constant({1}, {&factor, 1}));
  return builder_.op(BinaryFunction::Mul, x, found->second, name);
}

/// Extent `axis` of a shape, [1].
ValueId PrunedStages::extent(ValueId x, int64_t axis, const std::string& name) {
  const ValueId shape = builder_.op(OpKind::Shape, {}, {x}, name);
  return builder_.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape}, name);
}

}  // namespace vitro
