#include "frontend/onnx/fold_chains.h"

#include <algorithm>
#include <set>

namespace vitro::onnx {
namespace {

constexpr int64_t kMostOnTheWay = int64_t{1} << 26;  // elements of one chain: 256 MiB of float32
constexpr size_t kMostVisited = size_t{1} << 20;     // values of all chains

/// Finds chains, and what is to be evaluated of them.
class Chains {
 public:
  explicit Chains(const vitro::Graph& graph)
      : graph_(graph), maker_(producers(graph)), is_known_(graph.values.size()) {
    for (size_t id = 0; id < graph.values.size(); ++id)
      is_known_[id] = graph.values[id].constant.has_value();
    for (const Node& node : graph.nodes) {
      const bool known =
          node.kind != OpKind::Foreign && std::ranges::all_of(node.inputs, [&](ValueId id) {
            return id == kAbsent || is_known_[static_cast<size_t>(id)];
          });
      for (const ValueId id : node.outputs)
        if (id != kAbsent) is_known_[static_cast<size_t>(id)] = known;
    }
  }

  /// What chains end in: results that a node with an operand of another kind reads.
  std::set<ValueId> ends() const {
    std::set<ValueId> ends;
    const auto add = [&](ValueId id) {
      if (id != kAbsent && is_known_[static_cast<size_t>(id)] && !graph_.is_constant(id))
        ends.insert(id);
    };
    for (const Node& node : graph_.nodes) {
      const bool is_chain = std::ranges::any_of(node.outputs, [&](ValueId id) {
        return id != kAbsent && is_known_[static_cast<size_t>(id)];
      });
      if (!is_chain) std::ranges::for_each(node.inputs, add);
    }
    for (const Port& port : graph_.outputs) add(port.value);
    return ends;
  }

  /// By how many elements the end is larger than the constants that it is made of; nothing where
  /// there is too much on the way.
  std::optional<int64_t> swelling(ValueId end) {
    int64_t given = 0, made = 0;
    std::set<ValueId> seen{end};
    for (std::vector<ValueId> left{end}; !left.empty();) {
      const ValueId id = left.back();
      left.pop_back();
      (graph_.is_constant(id) ? given : made) += elements(id);
      if (made > kMostOnTheWay || ++visited_ > kMostVisited) return std::nullopt;
      if (graph_.is_constant(id)) continue;
      const auto maker = static_cast<size_t>(maker_[static_cast<size_t>(id)]);
      for (const ValueId operand : graph_.nodes[maker].inputs)
        if (operand != kAbsent && seen.insert(operand).second) left.push_back(operand);
    }
    return std::max<int64_t>(0, elements(end) - given);
  }

 private:
  int64_t elements(ValueId id) const { return num_elements(graph_.value(id).type.dims); }

  const vitro::Graph& graph_;
  std::vector<int> maker_;
  std::vector<bool> is_known_;
  size_t visited_ = 0;
};

}  // namespace

void fold_constant_chains(vitro::Graph& graph, const EvaluateConstants& evaluate,
                          int64_t allowance) {
  Chains chains(graph);
  std::vector<ValueId> folded;
  for (const ValueId end : chains.ends()) {
    const std::optional<int64_t> swelling = chains.swelling(end);
    if (!swelling || *swelling > allowance) continue;
    allowance -= *swelling;
    folded.push_back(end);
  }
  if (folded.empty()) return;
  vitro::Graph alone = graph;
  alone.inputs.clear();
  alone.outputs.clear();
  for (const ValueId id : folded) alone.outputs.push_back({graph.value(id).name, id, {}});
  remove_dead(alone);
  const std::vector<Constant> constants = evaluate(alone);
  for (size_t i = 0; i < folded.size(); ++i) {
    Value value{graph.value(folded[i]).name + ".folded", constants[i].type, constants[i]};
    graph.values.push_back(std::move(value));
    replace_uses(graph, folded[i], static_cast<ValueId>(graph.values.size() - 1));
  }
}

}  // namespace vitro::onnx
