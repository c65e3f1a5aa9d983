#include "backends/choose_kernels.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "backends/dispatch.h"
#include "backends/float_islands.h"
#include "backends/step_info.h"
#include "core/check.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

void infer_values(ChosenKernels& chosen, const CompileRequest& request) {
  Inference inference = infer(chosen.graph, request.inputs);
  chosen.types = std::move(inference.types);
  chosen.contents = std::move(inference.contents);
  chosen.stored = stored_precisions(chosen.graph, request.precision);
}

/// All results have no elements: there is nothing to run.
bool is_empty(const ChosenKernels& chosen, const Node& node) {
  return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
    return id == kAbsent || num_elements(chosen.type(id).dims) == 0;
  });
}

/// An op that nothing runs is added to `refusals`, after which no more kernels are made.
Choice choose(ChosenKernels& chosen, const Node& node, const CompileRequest& request,
              ImplTable table, std::vector<std::string>& refusals) {
  const OpContext context = context_of(chosen, node, request);
  const ImplList impls = table(node.kind);
  Dispatch dispatch = ask(context, impls, request.tactics);
  Choice choice{.impl = dispatch.chosen, .kernel = nullptr, .taken = {}};
  if (dispatch.chosen && refusals.empty()) {
    context.taken.clear();  // what others took before they refused
    choice.kernel = find_impl(impls, dispatch.chosen)->make(context);
    choice.taken = context.taken;
  }
  if (!dispatch.chosen && !node.body) {
    std::string reasons;
    for (const auto& [impl, reason] : dispatch.refused)
      reasons += fmt::format("{}{}: {}", reasons.empty() ? " (" : ", ", impl, reason);
    refusals.push_back(fmt::format("{} '{}' with result {}{}{}", op_name(node), node.source,
                                   to_string(context.output().dims), reasons,
                                   reasons.empty() ? "" : ")"));
  }
  chosen.dispatches.push_back(std::move(dispatch));
  return choice;
}

/// Names every op that was refused, not only the first one.
void check_refusals(const std::vector<std::string>& refusals, const char* backend) {
  constexpr size_t kMostNamed = 20;
  if (refusals.empty()) return;
  const size_t named = std::min(refusals.size(), kMostNamed);
  std::string text = refusals.size() == 1 ? "" : fmt::format("{} ops: ", refusals.size());
  text += fmt::format("{}", fmt::join(std::span(refusals).first(named), "; "));
  if (named < refusals.size()) text += fmt::format("; and {} more", refusals.size() - named);
  fail(ErrorCode::Unsupported, "backend '{}' has no implementation of {}", backend, text);
}

}  // namespace

bool is_view(const Node& node) { return op_info(node.kind).has(View); }

OpContext context_of(const ChosenKernels& chosen, const Node& node, const CompileRequest& request) {
  return {chosen.graph,
          node,
          chosen.types,
          request.threads,
          request.cache,
          chosen.contents,
          precision_of(node, request.precision),
          request.device,
          request.tactics,
          chosen.stored};
}

size_t ChosenKernels::value_bytes(ValueId id) const {
  return stored_bytes(type(id), stored[static_cast<size_t>(id)]);
}

bool ChosenKernels::is_idle(const Node& node) const {
  return is_view(node) || std::all_of(node.outputs.begin(), node.outputs.end(),
                                      [&](ValueId id) { return id == kAbsent || is_known(id); });
}

ChosenKernels choose_kernels(const CompileRequest& request, ImplTable impls, const char* backend) {
  ChosenKernels chosen{.graph = request.graph};
  const std::vector<bool> is_cast = cast_between_precisions(chosen.graph, request.precision);
  infer_values(chosen, request);
  std::vector<Node>& nodes = chosen.graph.nodes;
  std::vector<std::string> refusals;
  for (size_t i = 0, node = 0; i < nodes.size(); ++i) {
    const bool is_new = !is_cast.empty() && is_cast[i];
    const size_t origin = request.origins.empty() || is_new ? node : request.origins[node];
    chosen.origins.push_back(is_new ? kNoNode : origin);
    node += is_new ? 0 : 1;
  }
  for (size_t i = 0; i < nodes.size();) {
    if (chosen.is_idle(nodes[i]) || is_empty(chosen, nodes[i])) {
      chosen.choices.emplace_back();
      ++i;
    } else if (Choice choice = choose(chosen, nodes[i], request, impls, refusals);
               choice.impl || !nodes[i].body) {
      chosen.choices.push_back(std::move(choice));
      ++i;
    } else {
      const size_t origin = chosen.origins[i], more = nodes[i].body->nodes.size() - 1;
      chosen.origins.insert(chosen.origins.begin() + static_cast<std::ptrdiff_t>(i), more, origin);
      inline_body(chosen.graph, i);
      infer_values(chosen, request);
    }
  }
  check_refusals(refusals, backend);
  return chosen;
}

}  // namespace vitro
