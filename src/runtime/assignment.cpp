#include "runtime/assignment.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "ir/op_info.h"

namespace vitro {

bool AssignedGraph::is_known_or_empty(ValueId id) const {
  const auto index = static_cast<size_t>(id);
  return known.contents[index].has_value() || num_elements(known.types[index].dims) == 0;
}

Constant AssignedGraph::constant(ValueId id) const {
  const auto index = static_cast<size_t>(id);
  const TensorType& type = known.types[index];
  if (const auto& given = graph.value(id).constant) return *given;
  if (num_elements(type.dims) == 0) return allocate_constant(type).first;
  return make_constant(type.dims, *known.contents[index], type.dtype);
}

namespace {

class Assigner {
 public:
  Assigner(const CompileRequest& request, const Backend& first)
      : request_(request), first_(first), precision_(first.precision(request.precision)) {
    graph_.graph = request.graph;
    graph_.origins.resize(request.graph.nodes.size());
    std::iota(graph_.origins.begin(), graph_.origins.end(), size_t{0});
    infer_values();
  }

  AssignedGraph run() {
    for (size_t i = 0; i < graph_.graph.nodes.size();) i = assign(i);
    return std::move(graph_);
  }

 private:
  void infer_values() { graph_.known = infer(graph_.graph, request_.inputs); }

  bool runs_nothing(const Node& node) const {
    return op_info(node.kind).has(View) ||
           std::all_of(node.outputs.begin(), node.outputs.end(),
                       [&](ValueId id) { return id == kAbsent || graph_.is_known_or_empty(id); });
  }

  /// Decides about a node, or about those that it becomes; returns the index of the next one.
  size_t assign(size_t index) {
    const Node& node = graph_.graph.nodes[index];
    if (runs_nothing(node)) return add({});
    const OpContext context{graph_.graph,     node,           graph_.known.types,
                            request_.threads, request_.cache, graph_.known.contents,
                            precision_,       request_.device};
    const auto refusal = first_.can_run(context);
    if (!refusal) return add({Owner::Primary, {}});
    return node.body ? assign_body(index) : add({Owner::Fallback, refusal->reason});
  }

  size_t add(AssignedGraph::Node node) {
    graph_.owners.push_back(std::move(node));
    return graph_.owners.size();
  }

  /// A fused op that is refused: as it is when its parts would all run on one backend, whose
  /// kernel for all of it is best; else its parts.
  size_t assign_body(size_t index) {
    const AssignedGraph whole = graph_;
    const size_t parts = graph_.graph.nodes[index].body->nodes.size();
    const auto at = graph_.origins.begin() + static_cast<std::ptrdiff_t>(index);
    graph_.origins.insert(at, parts - 1, size_t{graph_.origins[index]});
    inline_body(graph_.graph, index);
    infer_values();
    const size_t after = graph_.graph.nodes.size() - index - parts;  // do not belong to it
    for (size_t i = index; i + after < graph_.graph.nodes.size();) i = assign(i);
    const auto first_of = [&](Owner owner) {
      for (size_t i = index; i < graph_.owners.size(); ++i)
        if (graph_.owners[i].owner == owner) return i;
      return graph_.owners.size();
    };
    const size_t refused = first_of(Owner::Fallback), end = graph_.owners.size();
    if (refused < end && first_of(Owner::Primary) < end) return end;
    AssignedGraph::Node owner{Owner::Primary, {}};
    if (refused < end) {
      const Node& part = graph_.graph.nodes[refused];
      owner = {Owner::Fallback, fmt::format("{} '{}': {}", op_name(part), part.source,
                                            graph_.owners[refused].refusal)};
    }
    graph_ = whole;
    return add(std::move(owner));
  }

  const CompileRequest& request_;
  const Backend& first_;
  const Precision precision_;
  AssignedGraph graph_;
};

}  // namespace

AssignedGraph assign_nodes(const CompileRequest& request, const Backend& first) {
  return Assigner(request, first).run();
}

}  // namespace vitro
