#include <algorithm>
#include <optional>

#include "passes/extents.h"
#include "passes/passes.h"
#include "passes/pattern.h"

namespace vitro {
namespace {

constexpr size_t kMaxAxes = 8;  // more than the cuda backend moves

/// How a value lies in the one that a chain of views and transposes begins with: each axis is a run
/// of factors of the axes there.
class Factors {
 public:
  explicit Factors(const Dims& dims) {
    for (const int64_t extent : dims) {
      groups_.emplace_back();
      if (extent == 1) continue;
      groups_.back().push_back(extents_.size());
      first_.push_back(extents_.size());
      extents_.push_back(extent);
    }
  }

  void transpose(const Ints& perm) {
    std::vector<std::vector<size_t>> moved;
    for (const int64_t axis : perm) moved.push_back(groups_[static_cast<size_t>(axis)]);
    groups_ = std::move(moved);
  }

  /// False where an axis of the view is no product of factors.
  bool reshape(const Dims& dims) {
    std::vector<size_t> left = order();
    std::reverse(left.begin(), left.end());
    groups_.clear();
    for (const int64_t extent : dims) {
      groups_.emplace_back();
      for (int64_t taken = 1; taken < extent; left.pop_back()) {
        if (left.empty() || extent % taken != 0) return false;
        const int64_t wanted = extent / taken, factor = extents_[left.back()];
        if (factor > wanted && !split(wanted, left)) return false;
        taken *= extents_[left.back()];
        groups_.back().push_back(left.back());
      }
    }
    return left.empty();
  }

  /// Factors that stay side by side become one.
  void join() {
    for (size_t i = 0; i + 1 < first_.size();) {
      const std::vector<size_t> now = order();
      const auto at = std::find(now.begin(), now.end(), first_[i]);
      if (at + 1 == now.end() || at[1] != first_[i + 1]) {
        ++i;
        continue;
      }
      extents_[first_[i]] *= extents_[first_[i + 1]];
      for (auto& group : groups_) std::erase(group, first_[i + 1]);
      first_.erase(first_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }

  /// Extents of the factors, in the order in which they begin, and where each goes.
  Ints extents() const {
    Ints result;
    for (const size_t factor : first_) result.push_back(extents_[factor]);
    return result;
  }
  Ints perm() const {
    Ints result;
    for (const size_t factor : order())
      result.push_back(std::find(first_.begin(), first_.end(), factor) - first_.begin());
    return result;
  }

 private:
  std::vector<size_t> order() const {
    std::vector<size_t> result;
    for (const auto& group : groups_) result.insert(result.end(), group.begin(), group.end());
    return result;
  }
  /// Makes two of the factor at the end of `left`, the outer one of extent `outer`.
  bool split(int64_t outer, std::vector<size_t>& left) {
    const size_t factor = left.back(), inner = extents_.size();
    if (extents_[factor] % outer != 0) return false;
    extents_.push_back(extents_[factor] / outer);
    extents_[factor] = outer;
    first_.insert(std::find(first_.begin(), first_.end(), factor) + 1, inner);
    left.back() = inner;
    left.push_back(factor);
    return true;
  }

  std::vector<int64_t> extents_;             ///< of each factor
  std::vector<size_t> first_;                ///< the factors in their order at the beginning
  std::vector<std::vector<size_t>> groups_;  ///< of each axis now
};

bool has_fixed_extents(const Extents& extents, ValueId id) {
  for (size_t axis = 0; axis < extents.dims(0, id).size(); ++axis)
    if (!extents.is_fixed(id, axis)) return false;
  return true;
}

bool is_view(const Node* node) {
  return node && node->kind == OpKind::Reshape && !node->has_input(1);
}

/// The views and transposes that lead to a transpose, itself the last; empty where it is the only
/// one. What others read, too, is passed where it is a view.
std::vector<const Node*> chain_to(const Matcher& matcher, const Extents& extents,
                                  const Node& transpose) {
  std::vector<const Node*> chain;
  size_t transposes = 0;
  bool is_shared = false;
  for (const Node* node = &transpose; node;) {
    if (node->kind == OpKind::Transpose) ++transposes;
    chain.push_back(node);
    const ValueId x = node->inputs[0];
    is_shared = is_shared || matcher.num_uses(x) > 1;
    node = has_fixed_extents(extents, x) ? matcher.producer(x) : nullptr;
    const bool moves = node && node->kind == OpKind::Transpose && !is_shared;
    if (!moves && !is_view(node)) node = nullptr;
  }
  if (transposes == 1) return {};
  std::reverse(chain.begin(), chain.end());
  return chain;
}

/// Views of `id` become views of what it is a view of.
void read_through(const Matcher& matcher, const Extents& extents, ValueId id, ValueId base) {
  for (Node* reader : matcher.readers(id)) {
    if (!is_view(reader) || !has_fixed_extents(extents, reader->output())) continue;
    reader->inputs[0] = base;
    reader->attrs = ReshapeAttrs{extents.dims(0, reader->output())};
  }
}

bool compose(const Matcher& matcher, Node& last) {
  if (last.kind != OpKind::Transpose) return false;
  Graph& graph = matcher.graph();
  const Extents extents(graph);
  const std::vector<const Node*> chain = chain_to(matcher, extents, last);
  if (chain.empty()) return false;
  const ValueId x = chain.front()->inputs[0];
  if (!has_fixed_extents(extents, x) || !has_fixed_extents(extents, last.output())) return false;
  Factors factors(extents.dims(0, x));
  for (const Node* node : chain) {
    if (node->kind == OpKind::Transpose)
      factors.transpose(node->as<TransposeAttrs>().perm);
    else if (!factors.reshape(extents.dims(0, node->output())))
      return false;
  }
  factors.join();
  const Ints from = factors.extents(), perm = factors.perm();
  if (from.size() > kMaxAxes) return false;
  Ints to;
  for (const int64_t axis : perm) to.push_back(from[static_cast<size_t>(axis)]);
  const auto add = [&](const Ints& dims) {
    Value value = graph.value(last.output());
    value.name = unique_name(graph, value.name);
    value.type.dims = dims;
    graph.values.push_back(std::move(value));
    return static_cast<ValueId>(graph.values.size() - 1);
  };
  const std::string source = last.source;
  const Dims& dims = extents.dims(0, last.output());
  if (std::is_sorted(perm.begin(), perm.end())) {
    read_through(matcher, extents, last.output(), x);
    last = {OpKind::Reshape, ReshapeAttrs{dims}, {x}, last.outputs, source, nullptr};
    return true;
  }
  const ValueId split = add(from), moved = add(to);
  read_through(matcher, extents, last.output(), moved);
  const Node nodes[]{{OpKind::Reshape, ReshapeAttrs{from}, {x}, {split}, source, nullptr},
                     {OpKind::Transpose, TransposeAttrs{perm}, {split}, {moved}, source, nullptr}};
  last = {OpKind::Reshape, ReshapeAttrs{dims}, {moved}, last.outputs, source, nullptr};
  graph.nodes.insert(graph.nodes.begin() + (&last - graph.nodes.data()), std::begin(nodes),
                     std::end(nodes));
  return true;
}

}  // namespace

void compose_transposes(Graph& graph) { rewrite_nodes(graph, compose); }

}  // namespace vitro
