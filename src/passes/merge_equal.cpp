#include <algorithm>
#include <cstring>
#include <map>

#include "ir/op_info.h"
#include "passes/passes.h"

namespace vitro {
namespace {

constexpr size_t kMaxBytes = 4096;  // of constants that are compared

bool same_constant(const Constant& a, const Constant& b) {
  return a.type == b.type && a.storage == b.storage && a.bytes.size() == b.bytes.size() &&
         a.bytes.size() <= kMaxBytes && a.bytes.data() && b.bytes.data() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

}  // namespace

void merge_equal(Graph& graph) {
  std::vector<ValueId> merged(graph.values.size());
  std::map<std::pair<DType, Dims>, std::vector<ValueId>> constants;
  for (size_t i = 0; i < merged.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    merged[i] = id;
    const auto& constant = graph.value(id).constant;
    if (!constant || constant->bytes.size() > kMaxBytes) continue;
    auto& others = constants[{constant->type.dtype, constant->type.dims}];
    const auto same = [&](ValueId other) {
      return same_constant(*graph.value(other).constant, *constant);
    };
    const auto found = std::find_if(others.begin(), others.end(), same);
    if (found == others.end())
      others.push_back(id);
    else
      merged[i] = *found;
  }
  std::map<std::pair<OpKind, std::vector<ValueId>>, std::vector<const Node*>> nodes;
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs)
      if (id != kAbsent) id = merged[static_cast<size_t>(id)];
    auto& others = nodes[{node.kind, node.inputs}];
    const auto same = [&](const Node* other) {
      return other->attrs == node.attrs && other->outputs.size() == node.outputs.size();
    };
    const auto found = std::find_if(others.begin(), others.end(), same);
    if (found == others.end()) {
      others.push_back(&node);
      continue;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kAbsent && (*found)->outputs[i] != kAbsent)
        merged[static_cast<size_t>(node.outputs[i])] = (*found)->outputs[i];
  }
  for (Port& port : graph.outputs) port.value = merged[static_cast<size_t>(port.value)];
  remove_dead(graph);
}

}  // namespace vitro
