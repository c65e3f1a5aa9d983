#include "passes/match_attention.h"

#include <cmath>

namespace vitro {
namespace {

constexpr std::array kPartNames{"queries", "keys", "values"};

/// The factor of a node that multiplies x by a number, and which operand is x.
std::optional<std::pair<ValueId, double>> scaled_operand(const Graph& graph, const Node& node) {
  if (is(node, BinaryFunction::Mul))
    for (const size_t i : {size_t{0}, size_t{1}})
      if (const auto factor = scalar_value(graph, node.inputs[1 - i]))
        return std::pair(node.inputs[i], *factor);
  if (is(node, BinaryFunction::Div))
    if (const auto divisor = scalar_value(graph, node.inputs[1]); divisor && *divisor != 0)
      return std::pair(node.inputs[0], 1 / *divisor);
  return std::nullopt;
}

/// Of a value, for errors: "add 'blocks.0.attn' of 1x6x49x49".
std::string made_by(const Graph& graph, const Matcher& matcher, ValueId id) {
  const Node* node = matcher.producer(id);
  return node ? fmt::format("{} '{}' of {}", op_name(*node), node->source,
                            to_string(graph.value(id).type.dims))
              : fmt::format("'{}' of {}", graph.value(id).name,
                            to_string(graph.value(id).type.dims));
}

}  // namespace

AttentionMatcher::Traced AttentionMatcher::trace(ValueId id) const {
  const Node* node = matcher_.producer(id);
  if (node) {
    if (const auto scaled = scaled_operand(graph_, *node)) {
      if (graph_.value(scaled->first).type.dims.size() == graph_.value(id).type.dims.size()) {
        Traced traced = trace(scaled->first);
        traced.scale *= scaled->second;
        return traced;
      }
    } else if (!node->inputs.empty() && !graph_.is_constant(node->inputs[0])) {
      const auto index = static_cast<size_t>(
          std::find(node->outputs.begin(), node->outputs.end(), id) - node->outputs.begin());
      Traced traced = trace(node->inputs[0]);
      if (auto maps = moved(traced.maps, extents_, *node, index)) {
        traced.maps = std::move(*maps);
        return traced;
      }
    }
  }
  return {id, 1.0, own_maps(extents_, id)};
}

/// The product of queries and keys that becomes the operand of the softmax; what is added on the
/// way, a bias or a mask, is noted.
const Node* AttentionMatcher::match_scores(ValueId id, AttentionMatch& match) {
  while (true) {
    const Traced scores = trace(id);
    for (const ElementMap& map : scores.maps)
      if (!map.is_dense()) {
        no("the softmax is of other rows than those of {}",
           made_by(graph_, matcher_, scores.source));
        return nullptr;
      }
    if (const Node* product = matcher_.producer(scores.source, OpKind::MatMul)) {
      match.scale = static_cast<float>(scores.scale);
      return product;
    }
    const Node* sum = matcher_.producer(scores.source, BinaryFunction::Add);
    if (!sum) {
      no("the softmax is of {}, expected a product of queries and keys",
         made_by(graph_, matcher_, scores.source));
      return nullptr;
    }
    if (scores.scale != 1.0) {
      no("{}, which has an addend, is multiplied by {}", made_by(graph_, matcher_, scores.source),
         scores.scale);
      return nullptr;
    }
    // The scores are what comes from a product.
    const auto comes_from_product = [&](size_t i) {
      const ValueId source = trace(sum->inputs[i]).source;
      return matcher_.producer(source, OpKind::MatMul) ||
             matcher_.producer(source, BinaryFunction::Add);
    };
    const size_t scores_at = graph_.is_constant(sum->inputs[0]) || !comes_from_product(0) ? 1 : 0;
    match.addends.push_back({sum->inputs[1 - scores_at], scores.source});
    id = sum->inputs[scores_at];
  }
}

/// Finds [n, heads, tokens, head_dim] in an operand of one of the two products.
bool AttentionMatcher::match_part(ValueId operand, bool is_transposed, size_t part,
                                  AttentionMatch& match, double& scale) {
  const Traced traced = trace(operand);
  scale *= traced.scale;
  const Dims& source = dims(0, traced.source);
  HeadRows& rows = match.parts[part];
  rows.source = traced.source;
  if (source.size() < 3)
    return no("{} come from {}, expected [n, tokens, width]", kPartNames[part],
              made_by(graph_, matcher_, traced.source));
  const int64_t width = source.back();
  for (size_t shape = 0; shape < extents_.count(); ++shape) {
    const Dims& from = dims(shape, traced.source);
    const Dims& to = dims(shape, operand);
    ElementMap map = traced.maps[shape];
    if (is_transposed) {
      Ints perm(to.size());
      for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
      std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
      map = map.transposed(perm);
    }
    const int64_t tokens = num_elements(from) / (from[0] * width);
    const Dims& queries = dims(shape, match.parts[0].source);
    const int64_t num_queries = num_elements(queries) / (queries[0] * queries.back());
    if (tokens != num_queries)
      return no("{} are of {} tokens, queries of {}", kPartNames[part], tokens, num_queries);
    const auto split = map.reshaped({from[0], match.heads, tokens, match.head_dim});
    if (!split)
      return no("{} are {} of {}, expected {} heads of {} of its {} rows", kPartNames[part],
                to_string(to), made_by(graph_, matcher_, traced.source), match.heads,
                match.head_dim, tokens);
    const auto n = split->stride(0), h = split->stride(1), t = split->stride(2),
               d = split->stride(3);
    const bool in_rows =
        n && h && t && d && (*n == tokens * width || from[0] == 1) && (*t == width || tokens == 1);
    const HeadRows found{traced.source, map.offset(), h.value_or(0), d.value_or(0)};
    if (!in_rows || found.row(match.heads - 1, match.head_dim - 1) >= width || found.stride < 0 ||
        found.head_stride < 0)
      return no("{} of {} are not in the rows of {}", kPartNames[part], to_string(to),
                made_by(graph_, matcher_, traced.source));
    if (shape > 0 && !(found == rows))
      return no("{} lie elsewhere in {} at another shape", kPartNames[part],
                made_by(graph_, matcher_, traced.source));
    rows = found;
  }
  return true;
}

/// The heads and their parts; false with a miss.
bool AttentionMatcher::find_heads(const Node& scores, const Node& context, AttentionMatch& match) {
  const auto& attrs = scores.as<MatMulAttrs>();
  const Dims& q = graph_.value(scores.inputs[0]).type.dims;
  const Dims& v = graph_.value(context.inputs[1]).type.dims;
  const bool values_transposed = context.as<MatMulAttrs>().transpose_b;
  if (q.size() < 3 || v.size() != q.size())
    return no("queries are {} and values {}, expected [n, heads, tokens, head_dim]", to_string(q),
              to_string(v));
  match.head_dim = attrs.transpose_a ? q[q.size() - 2] : q.back();
  const int64_t value_dim = values_transposed ? v[v.size() - 2] : v.back();
  if (match.head_dim != value_dim)
    return no("heads are of {}, but of {} in the values", match.head_dim, value_dim);
  const ValueId source = trace(scores.inputs[0]).source;
  const Dims& from = graph_.value(source).type.dims;
  const int64_t rows = from.empty() ? 0 : num_elements(from) / from.back();
  const int64_t q_rows = num_elements(q) / match.head_dim;
  if (rows < 1 || q_rows % rows != 0)
    return no("queries are {} of {}, expected its rows in heads", to_string(q),
              made_by(graph_, matcher_, source));
  match.heads = q_rows / rows;
  double scale = match.scale;
  double value_scale = 1.0;
  if (!match_part(scores.inputs[0], attrs.transpose_a, 0, match, scale) ||
      !match_part(scores.inputs[1], !attrs.transpose_b, 1, match, scale) ||
      !match_part(context.inputs[1], values_transposed, 2, match, value_scale))
    return false;
  if (value_scale != 1.0) return no("the values are multiplied by {}", value_scale);
  match.scale = static_cast<float>(scale);
  if (!std::isfinite(match.scale)) return no("the scores are multiplied by {}", scale);
  return true;
}

/// Whether a value has the elements of the context [n, heads, tokens, head_dim] in the order of
/// [n, tokens, heads, head_dim].
bool AttentionMatcher::is_merged(const ElementMap& map, size_t shape, ValueId id, ValueId context,
                                 const AttentionMatch& match) const {
  const Dims& from = dims(shape, context);
  const int64_t tokens = from[from.size() - 2],
                n = num_elements(from) / (match.heads * tokens * match.head_dim);
  if (num_elements(dims(shape, id)) != num_elements(from)) return false;
  const auto split = map.reshaped({n, tokens, match.heads, match.head_dim});
  if (!split || split->offset() != 0) return false;
  const auto has = [&](size_t axis, int64_t extent, int64_t stride) {
    return extent == 1 || split->stride(axis) == stride;
  };
  return has(0, n, match.heads * tokens * match.head_dim) && has(1, tokens, match.head_dim) &&
         has(2, match.heads, tokens * match.head_dim) && has(3, match.head_dim, 1);
}

/// The value that has the heads of the context side by side: [n, tokens, width], or else the last
/// one with these elements; kAbsent when none has.
ValueId AttentionMatcher::find_merged(ValueId context, const AttentionMatch& match) const {
  const int64_t width = match.heads * match.head_dim;
  std::vector<ElementMap> maps = own_maps(extents_, context);
  ValueId found = kAbsent, any = kAbsent;
  for (ValueId id = context;;) {
    bool merged = true, is_usual = true;
    for (size_t shape = 0; shape < extents_.count() && merged; ++shape) {
      merged = is_merged(maps[shape], shape, id, context, match);
      const Dims &to = dims(shape, id), &from = dims(shape, context);
      is_usual = is_usual && to.size() == 3 && to[1] == from[from.size() - 2] && to[2] == width;
    }
    if (merged) (is_usual ? found : any) = id;
    const auto readers = matcher_.readers(id);
    const bool goes_on = readers.size() == 1 && matcher_.num_uses(id) == 1 &&
                         readers[0]->inputs[0] == id && readers[0]->outputs.size() == 1;
    auto next = goes_on ? moved(maps, extents_, *readers[0], 0) : std::nullopt;
    if (!next) return found != kAbsent ? found : any;
    maps = std::move(*next);
    id = readers[0]->output();
  }
}

/// How the context is made of [n, tokens, width].
bool AttentionMatcher::find_view(AttentionMatch& match) {
  std::vector<Dims> from, to;
  for (size_t shape = 0; shape < extents_.count(); ++shape) {
    const Dims& source = dims(shape, match.parts[0].source);
    from.push_back({source[0], num_elements(source) / (source[0] * source.back()),
                    match.heads * match.head_dim});
    to.push_back(dims(shape, match.context));
  }
  if (from == to) return true;
  const auto view = reshape_dims(from, to);
  if (!view)
    return no("no reshape makes {} of {} at every shape", made_by(graph_, matcher_, match.context),
              to_string(from[0]));
  match.view = *view;
  return true;
}

Dims bias_dims(const Dims& addend, const Dims& sum) {
  Dims dims(sum.size() - addend.size(), 1);
  dims.insert(dims.end(), addend.begin(), addend.end());
  // [n, heads, t, t], or [n / m, m, heads, t, t]: of m images in turn.
  if (dims.size() == 5) dims.erase(dims.begin());
  return dims;
}

/// Whether an addend is a bias of heads, or a mask of images in turn, at every shape.
bool AttentionMatcher::match_addend(const ScoreAddend& addend, const AttentionMatch& match) {
  const std::string what = made_by(graph_, matcher_, addend.value);
  if (!graph_.is_constant(addend.value) &&
      (match.addends.size() > 1 || graph_.value(addend.value).type.dims.size() != 4))
    return no("the bias of the scores is computed: {}", what);
  Dims usual;
  for (size_t shape = 0; shape < extents_.count(); ++shape) {
    const Dims &from = dims(shape, match.parts[0].source), &sum = dims(shape, addend.sum),
               &own = dims(shape, addend.value);
    const int64_t n = from[0], tokens = num_elements(from) / (n * from.back());
    const size_t rank = sum.size();
    if ((rank != 4 && rank != 5) || own.size() > rank || sum[rank - 3] != match.heads ||
        sum[rank - 2] != tokens || sum[rank - 1] != tokens ||
        num_elements(sum) != n * match.heads * tokens * tokens)
      return no("the bias of the scores is {}, added to {}, expected [{}, {}, {}, {}]", what,
                to_string(sum), n, match.heads, tokens, tokens);
    if (own.size() == 5 && own[0] != 1)
      return no("the bias of the scores is {}, another one for each of {} images", what, own[0]);
    const Dims bias = bias_dims(own, sum);
    if (shape == 0) usual = bias;
    if (bias[0] != usual[0] || (bias[0] > 1 && tokens != dims(0, addend.sum).back()))
      return no("the bias of the scores is {}, of other extents at another shape", what);
  }
  return true;
}

std::optional<AttentionMatch> AttentionMatcher::match(const Node& softmax) {
  miss_.clear();
  const auto rank = static_cast<int64_t>(graph_.value(softmax.output()).type.dims.size());
  const int64_t axis = softmax.as<SoftmaxAttrs>().axis;
  const auto readers = matcher_.readers(softmax.output());
  const Node* context =
      readers.size() == 1 && readers[0]->kind == OpKind::MatMul ? readers[0] : nullptr;
  if (!context || context->inputs[0] != softmax.output() || (axis != -1 && axis != rank - 1))
    return std::nullopt;
  if (matcher_.num_uses(softmax.output()) != 1) {
    no("the weights are a result of the model");
    return std::nullopt;
  }
  AttentionMatch match;
  const Node* scores = match_scores(softmax.inputs[0], match);
  if (scores && context->as<MatMulAttrs>().transpose_a) {
    no("the weights are read transposed");
    return std::nullopt;
  }
  if (!scores || !find_heads(*scores, *context, match)) return std::nullopt;
  for (const ScoreAddend& addend : match.addends)
    if (!match_addend(addend, match)) return std::nullopt;
  match.context = find_merged(context->output(), match);
  if (match.context == kAbsent) {
    no("nothing reads {} with its heads side by side, as rows of {}",
       made_by(graph_, matcher_, context->output()), match.heads * match.head_dim);
    return std::nullopt;
  }
  if (!find_view(match)) return std::nullopt;
  return match;
}

}  // namespace vitro
