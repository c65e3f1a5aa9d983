#include <array>
#include <cmath>
#include <numbers>

#include "passes/passes.h"
#include "passes/pattern.h"

// Exporters spell activations in pieces, in every order of their products and sums. Whatever the
// order, they are sums of c x^i t^j with t = erf(u), tanh(u), sigmoid(u) or clip(u) and u a
// polynomial in x: that is what is compared.
namespace vitro {
namespace {

constexpr size_t kDegrees = 4;  // x^0 to x^3
constexpr int kMaxDepth = 8;

/// The sum of c[j][i] x^i t^j.
struct Terms {
  std::array<std::array<double, kDegrees>, 2> c{};

  static Terms constant(double value) { return {{{{value}}}}; }
  bool is_constant() const {
    Terms rest = *this;
    rest.c[0][0] = 0;
    return rest.c == Terms{}.c;
  }
};

using MaybeTerms = std::optional<Terms>;

MaybeTerms product(const Terms& a, const Terms& b) {
  Terms result;
  for (size_t ja = 0; ja < 2; ++ja)
    for (size_t jb = 0; jb < 2; ++jb)
      for (size_t ia = 0; ia < kDegrees; ++ia)
        for (size_t ib = 0; ib < kDegrees; ++ib) {
          const double term = a.c[ja][ia] * b.c[jb][ib];
          if (term == 0) continue;
          if (ja + jb > 1 || ia + ib >= kDegrees) return std::nullopt;
          result.c[ja + jb][ia + ib] += term;
        }
  return result;
}

Terms sum(const Terms& a, const Terms& b, double sign) {
  Terms result = a;
  for (size_t j = 0; j < 2; ++j)
    for (size_t i = 0; i < kDegrees; ++i) result.c[j][i] += sign * b.c[j][i];
  return result;
}

MaybeTerms power(const Terms& base, const Terms& exponent) {
  const double n = exponent.c[0][0];
  if (!exponent.is_constant() || (n != 1 && n != 2 && n != 3)) return std::nullopt;
  MaybeTerms result = base;
  for (int i = 1; i < n && result; ++i) result = product(*result, base);
  return result;
}

MaybeTerms combined(BinaryFunction function, const Terms& a, const Terms& b) {
  if (function == BinaryFunction::Add) return sum(a, b, 1);
  if (function == BinaryFunction::Sub) return sum(a, b, -1);
  if (function == BinaryFunction::Mul) return product(a, b);
  if (function == BinaryFunction::Pow) return power(a, b);
  if (function != BinaryFunction::Div || !b.is_constant() || b.c[0][0] == 0) return std::nullopt;
  return product(a, Terms::constant(1 / b.c[0][0]));
}

/// A value as terms of x and t, or nothing.
MaybeTerms terms_of(const Matcher& matcher, ValueId id, ValueId x, ValueId t, int depth) {
  Terms one;
  if (id == x) {
    one.c[0][1] = 1;
    return one;
  }
  if (id == t) {
    one.c[1][0] = 1;
    return one;
  }
  if (const auto value = scalar_value(matcher.graph(), id)) {
    const size_t rank = matcher.graph().value(x).type.dims.size();
    if (matcher.graph().value(id).type.dims.size() > rank) return std::nullopt;
    return Terms::constant(*value);
  }
  const Node* node = depth > 0 ? matcher.producer(id, OpKind::Binary) : nullptr;
  if (!node) return std::nullopt;
  const MaybeTerms a = terms_of(matcher, node->inputs[0], x, t, depth - 1);
  if (!a) return std::nullopt;
  const MaybeTerms b = terms_of(matcher, node->inputs[1], x, t, depth - 1);
  return b ? combined(node->as<BinaryAttrs>().function, *a, *b) : std::nullopt;
}

/// Exporters write constants as float32, some with six digits.
bool near(double a, double b) { return std::abs(a - b) <= 4e-6 * std::abs(b); }

bool near(const Terms& a, const Terms& b) {
  for (size_t j = 0; j < 2; ++j)
    for (size_t i = 0; i < kDegrees; ++i)
      if (!near(a.c[j][i], b.c[j][i])) return false;
  return true;
}

const Terms kX{{{{0, 1}, {}}}}, kXTimesT{{{{}, {0, 1}}}};
const Terms kHalfXTimesOnePlusT{{{{0, 0.5}, {0, 0.5}}}};

/// The function whose pieces these are: result(x, t), t = inner(u(x)).
std::optional<UnaryAttrs> from_function(UnaryFunction inner, const Terms& u, const Terms& result) {
  const double root = std::sqrt(2 / std::numbers::pi);
  const Terms over_root_two{{{{0, 1 / std::numbers::sqrt2}, {}}}};
  const Terms cubic{{{{0, root, 0, 0.044715 * root}, {}}}};
  const bool is_half = near(result, kHalfXTimesOnePlusT);
  if (inner == UnaryFunction::Erf && near(u, over_root_two) && is_half)
    return UnaryAttrs{UnaryFunction::Gelu};
  if (inner == UnaryFunction::Tanh && near(u, cubic) && is_half)
    return UnaryAttrs{UnaryFunction::GeluTanh};
  if (inner == UnaryFunction::Sigmoid && near(u, kX) && near(result, kXTimesT))
    return UnaryAttrs{UnaryFunction::Silu};
  return std::nullopt;
}

/// c clip(a x + b, 0, h) with c h = 1, or x times that.
std::optional<UnaryAttrs> from_clip(double high, const Terms& u, const Terms& result) {
  const double a = u.c[0][1], b = u.c[0][0];
  if (!near(u, Terms{{{{b, a}, {}}}}) || a == 0) return std::nullopt;
  const double plain = result.c[1][0], times_x = result.c[1][1];
  if (near(result, Terms{{{{}, {plain}}}}) && near(plain * high, 1))
    return UnaryAttrs{UnaryFunction::HardSigmoid, static_cast<float>(plain * a),
                      static_cast<float>(plain * b)};
  const bool is_hard_swish = near(result, Terms{{{{}, {0, times_x}}}}) && near(times_x * high, 1) &&
                             near(times_x * a, 1.0 / 6) && near(times_x * b, 0.5);
  return is_hard_swish ? std::optional(UnaryAttrs{UnaryFunction::HardSwish}) : std::nullopt;
}

std::optional<UnaryAttrs> activation_of(const Graph& graph, const Node& inner, const Terms& u,
                                        const Terms& result) {
  if (inner.kind == OpKind::Clip) {
    if (!inner.has_input(1) || !inner.has_input(2)) return std::nullopt;
    const auto low = scalar_value(graph, inner.inputs[1]),
               high = scalar_value(graph, inner.inputs[2]);
    return low == 0.0 && high ? from_clip(*high, u, result) : std::nullopt;
  }
  const auto& attrs = inner.as<UnaryAttrs>();
  if (attrs.function != UnaryFunction::HardSigmoid) return from_function(attrs.function, u, result);
  Terms inside = u;  // hard_sigmoid is the clip of alpha u + beta to [0, 1]
  for (double& c : inside.c[0]) c *= attrs.alpha;
  inside.c[0][0] += attrs.beta;
  return from_clip(1, inside, result);
}

bool is_inner(const Node& node) {
  if (node.kind == OpKind::Clip) return true;
  return is(node, UnaryFunction::Erf) || is(node, UnaryFunction::Tanh) ||
         is(node, UnaryFunction::Sigmoid) || is(node, UnaryFunction::HardSigmoid);
}

/// The op of another function below products and sums.
const Node* find_inner(const Matcher& matcher, ValueId id, int depth) {
  for (const OpKind kind : {OpKind::Unary, OpKind::Clip}) {
    const Node* node = matcher.producer(id, kind);
    if (node && is_inner(*node)) return node;
  }
  const Node* node = depth > 0 ? matcher.producer(id, OpKind::Binary) : nullptr;
  if (!node) return nullptr;
  const Node* inner = find_inner(matcher, node->inputs[0], depth - 1);
  return inner ? inner : find_inner(matcher, node->inputs[1], depth - 1);
}

/// Values of which another may be a polynomial, those that it is made of first.
void find_variables(const Matcher& matcher, ValueId id, int depth, std::vector<ValueId>& found) {
  if (matcher.graph().is_constant(id)) return;
  if (const Node* node = depth > 0 ? matcher.producer(id, OpKind::Binary) : nullptr)
    for (const ValueId operand : node->inputs) find_variables(matcher, operand, depth - 1, found);
  found.push_back(id);
}

bool fuse(const Matcher& matcher, Node& node) {
  if (node.kind != OpKind::Binary) return false;
  const Graph& graph = matcher.graph();
  constexpr int kBelowResult = 4, kBelowInner = 5;
  const Node* inner = find_inner(matcher, node.output(), kBelowResult);
  if (!inner) return false;
  std::vector<ValueId> variables;
  find_variables(matcher, inner->inputs[0], kBelowInner, variables);
  for (const ValueId x : variables) {
    const MaybeTerms result = terms_of(matcher, node.output(), x, inner->output(), kMaxDepth);
    if (!result) continue;
    const MaybeTerms u = terms_of(matcher, inner->inputs[0], x, kAbsent, kMaxDepth);
    const auto attrs = u ? activation_of(graph, *inner, *u, *result) : std::nullopt;
    if (!attrs) continue;
    node.kind = OpKind::Unary;
    node.attrs = *attrs;
    node.inputs = {x};
    return true;
  }
  return false;
}

}  // namespace

void fuse_activation(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
