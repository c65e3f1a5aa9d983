#include <algorithm>
#include <numeric>

#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

/// Axes of a mean that keeps them as 1, from 0 up and in order; empty for another op.
Ints kept_axes(const Graph& graph, const Node* mean) {
  if (!mean || !mean->as<ReduceAttrs>().keep_dims) return {};
  const auto rank = static_cast<int64_t>(graph.value(mean->inputs[0]).type.dims.size());
  Ints axes = mean->as<ReduceAttrs>().axes;
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  return axes;
}

struct Centred {
  ValueId x;
  Ints axes;
  bool operator==(const Centred&) const = default;
};

/// x - mean(x).
std::optional<Centred> match_centred(const Matcher& matcher, ValueId id) {
  const Node* sub = matcher.producer(id, BinaryFunction::Sub);
  if (!sub) return std::nullopt;
  const Node* mean = matcher.producer(sub->inputs[1], ReduceFunction::Mean);
  Ints axes = kept_axes(matcher.graph(), mean);
  if (axes.empty() || mean->inputs[0] != sub->inputs[0]) return std::nullopt;
  return Centred{sub->inputs[0], std::move(axes)};
}

/// What is squared: pow(d, 2) or mul(d, d).
ValueId match_square(const Matcher& matcher, ValueId id) {
  const Node* mul = matcher.producer(id, BinaryFunction::Mul);
  if (mul && mul->inputs[0] == mul->inputs[1]) return mul->inputs[0];
  const Node* pow = matcher.producer(id, BinaryFunction::Pow);
  return pow && scalar_value(matcher.graph(), pow->inputs[1]) == 2.0 ? pow->inputs[0] : kAbsent;
}

/// The eps of mean(d d) + eps, whose d is `centred`.
std::optional<float> match_variance(const Matcher& matcher, ValueId id, const Centred& centred) {
  const Graph& graph = matcher.graph();
  const Node* add = matcher.producer(id, BinaryFunction::Add);
  if (!add) return std::nullopt;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const auto eps = scalar_value(graph, add->inputs[1 - i]);
    const Node* mean = matcher.producer(add->inputs[i], ReduceFunction::Mean);
    if (!eps || kept_axes(graph, mean) != centred.axes) continue;
    const ValueId square = match_square(matcher, mean->inputs[0]);
    if (square != kAbsent && match_centred(matcher, square) == centred)
      return static_cast<float>(*eps);
  }
  return std::nullopt;
}

/// The square of the square root that makes a value: sqrt(v), pow(v, 0.5).
ValueId match_root(const Matcher& matcher, ValueId id) {
  if (const Node* sqrt = matcher.producer(id, UnaryFunction::Sqrt)) return sqrt->inputs[0];
  const Node* pow = matcher.producer(id, BinaryFunction::Pow);
  return pow && scalar_value(matcher.graph(), pow->inputs[1]) == 0.5 ? pow->inputs[0] : kAbsent;
}

/// The same of its inverse: rsqrt(v), reciprocal(sqrt(v)), 1 / sqrt(v), pow(v, -0.5).
ValueId match_inverse_root(const Matcher& matcher, ValueId id) {
  if (const Node* rsqrt = matcher.producer(id, UnaryFunction::Rsqrt)) return rsqrt->inputs[0];
  if (const Node* inverse = matcher.producer(id, UnaryFunction::Reciprocal))
    return match_root(matcher, inverse->inputs[0]);
  const Node* div = matcher.producer(id, BinaryFunction::Div);
  if (div && scalar_value(matcher.graph(), div->inputs[0]) == 1.0)
    return match_root(matcher, div->inputs[1]);
  const Node* pow = matcher.producer(id, BinaryFunction::Pow);
  return pow && scalar_value(matcher.graph(), pow->inputs[1]) == -0.5 ? pow->inputs[0] : kAbsent;
}

struct Norm {
  Centred centred;
  float eps;
};

std::optional<Norm> match_norm(const Matcher& matcher, const Node& node) {
  const auto match = [&](ValueId centred_id, ValueId variance) -> std::optional<Norm> {
    const auto centred = variance == kAbsent ? std::nullopt : match_centred(matcher, centred_id);
    const auto eps = centred ? match_variance(matcher, variance, *centred) : std::nullopt;
    return eps ? std::optional(Norm{*centred, *eps}) : std::nullopt;
  };
  const ValueId a = node.inputs[0], b = node.inputs[1];
  if (is(node, BinaryFunction::Div)) return match(a, match_root(matcher, b));
  if (!is(node, BinaryFunction::Mul)) return std::nullopt;
  const auto norm = match(a, match_inverse_root(matcher, b));
  return norm ? norm : match(b, match_inverse_root(matcher, a));
}

ValueId add_result(Graph& graph, const Value& like, const Ints& perm) {
  Value value{unique_name(graph, like.name), {like.type.dtype, {}}, std::nullopt};
  for (const int64_t axis : perm)
    value.type.dims.push_back(like.type.dims[static_cast<size_t>(axis)]);
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size() - 1);
}

bool fuse(const Matcher& matcher, Node& node) {
  if (node.kind != OpKind::Binary) return false;
  const auto norm = match_norm(matcher, node);
  if (!norm || !(norm->eps >= 0)) return false;
  Graph& graph = matcher.graph();
  const auto& [x, axes] = norm->centred;
  const NormAttrs attrs{norm->eps, static_cast<int64_t>(axes.size())};
  // The axes go last; elsewhere they stay in order.
  Ints perm;
  const auto rank = static_cast<int64_t>(graph.value(x).type.dims.size());
  for (int64_t axis = 0; axis < rank; ++axis)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) perm.push_back(axis);
  perm.insert(perm.end(), axes.begin(), axes.end());
  if (std::is_sorted(perm.begin(), perm.end())) {
    node = {OpKind::LayerNorm, attrs, {x}, node.outputs, node.source, nullptr};
    return true;
  }
  Ints inverse(perm.size());
  for (size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  const Value like = graph.value(x);
  const ValueId rows = add_result(graph, like, perm), result = add_result(graph, like, perm);
  const std::string source = node.source;
  node.kind = OpKind::Transpose;
  node.attrs = TransposeAttrs{inverse};
  node.inputs = {result};
  const auto at = graph.nodes.begin() + (&node - graph.nodes.data());
  graph.nodes.insert(at,
                     {Node{OpKind::Transpose, TransposeAttrs{perm}, {x}, {rows}, source, nullptr},
                      Node{OpKind::LayerNorm, attrs, {rows}, {result}, source, nullptr}});
  return true;
}

}  // namespace

void fuse_layer_norm(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
