#include "backends/absorb.h"

#include <algorithm>
#include <utility>

#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

/// Who makes each value, and how many read it.
class Uses {
 public:
  explicit Uses(const Graph& graph)
      : producers_(graph.values.size(), kNoNode), readers_(graph.values.size()) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (ValueId id : graph.nodes[i].inputs)
        if (id != kAbsent) ++readers_[static_cast<size_t>(id)];
      for (ValueId id : graph.nodes[i].outputs)
        if (id != kAbsent) producers_[static_cast<size_t>(id)] = i;
    }
    for (const Port& port : graph.outputs) ++readers_[static_cast<size_t>(port.value)];
  }
  size_t producer(ValueId id) const { return producers_[static_cast<size_t>(id)]; }
  bool is_read_once(ValueId id) const { return readers_[static_cast<size_t>(id)] == 1; }

 private:
  std::vector<size_t> producers_, readers_;
};

/// Whether all operands of `node` but one are there before node `index` runs.
bool others_are_ready(const Uses& uses, const Node& node, size_t operand, size_t index) {
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    const ValueId id = node.inputs[k];
    if (k == operand || id == kAbsent || uses.producer(id) == kNoNode) continue;
    if (uses.producer(id) >= index) return false;
  }
  return true;
}

/// The node whose kernel may take `node` over through that operand, or kNoNode.
size_t candidate(const ChosenKernels& chosen, const Uses& uses, const Node& node, size_t operand) {
  const ValueId id = node.inputs[operand];
  if (id == kAbsent || !uses.is_read_once(id)) return kNoNode;
  const size_t index = uses.producer(id);
  if (index == kNoNode || !chosen.choices[index].kernel) return kNoNode;
  if (chosen.graph.nodes[index].outputs[0] != id) return kNoNode;
  if (chosen.type(id) != chosen.type(node.output()) || node.kind == OpKind::Cast) return kNoNode;
  return others_are_ready(uses, node, operand, index) ? index : kNoNode;
}

/// Node `index` makes the result of `next` from now on.
void take_over(ChosenKernels& chosen, size_t index, size_t next, size_t operand) {
  Node& node = chosen.graph.nodes[index];
  const Node& taken = chosen.graph.nodes[next];
  std::vector<ValueId> others;
  for (size_t k = 0; k < taken.inputs.size(); ++k)
    if (k != operand && taken.inputs[k] != kAbsent && !chosen.graph.is_constant(taken.inputs[k]))
      others.push_back(taken.inputs[k]);
  if (!others.empty()) {
    const size_t own = op_info(node.kind).max_inputs;
    if (node.inputs.size() < own) node.inputs.resize(own, kAbsent);
    node.inputs.insert(node.inputs.end(), others.begin(), others.end());
  }
  node.outputs[0] = taken.output();
  Choice& choice = chosen.choices[index];
  if (chosen.origins[index] != chosen.origins[next])
    choice.earlier_origins.push_back(std::exchange(chosen.origins[index], chosen.origins[next]));
  choice.absorbed_flops += op_info(taken.kind)
                               .flops(taken, operands_of(taken, chosen.types, chosen.contents),
                                      chosen.type(taken.output()));
  const auto dispatch_of = [&](size_t of) {
    size_t before = static_cast<size_t>(
        std::count_if(chosen.choices.begin(), chosen.choices.begin() + static_cast<long>(of),
                      [](const Choice& one) { return one.impl != nullptr; }));
    return std::find_if(chosen.dispatches.begin(), chosen.dispatches.end(),
                        [&](const Dispatch& one) { return one.chosen && before-- == 0; });
  };
  dispatch_of(index)->absorbed.push_back(op_name(taken));
  chosen.dispatches.erase(dispatch_of(next));
  const auto at = static_cast<std::ptrdiff_t>(next);
  chosen.graph.nodes.erase(chosen.graph.nodes.begin() + at);
  chosen.choices.erase(chosen.choices.begin() + at);
  chosen.origins.erase(chosen.origins.begin() + at);
}

bool absorb(ChosenKernels& chosen, const CompileRequest& request, const Uses& uses, size_t next) {
  const Node& node = chosen.graph.nodes[next];
  if (!op_info(node.kind).has(Elementwise) || !chosen.choices[next].kernel) return false;
  for (size_t operand = 0; operand < node.inputs.size(); ++operand) {
    const size_t index = candidate(chosen, uses, node, operand);
    if (index == kNoNode) continue;
    if (!chosen.choices[index].kernel->absorb(context_of(chosen, node, request), operand)) continue;
    take_over(chosen, index, next, operand);
    return true;
  }
  return false;
}

}  // namespace

void absorb_elementwise(ChosenKernels& chosen, const CompileRequest& request) {
  Uses uses(chosen.graph);
  for (size_t i = 0; i < chosen.graph.nodes.size();)
    if (absorb(chosen, request, uses, i))
      uses = Uses(chosen.graph);  // node i is another one now
    else
      ++i;
}

bool is_residual_sum(const OpContext& next, size_t operand) {
  if (!is(next.node, BinaryFunction::Add)) return false;
  const size_t other = 1 - operand;
  return !next.constant(other) && next.input(other) == next.output();
}

}  // namespace vitro
