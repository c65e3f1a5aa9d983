#include "backends/dispatch.h"

#include <algorithm>

#include "ir/op_info.h"

namespace vitro {

const Impl* find_impl(ImplList impls, std::string_view id) {
  const auto found =
      std::find_if(impls.begin(), impls.end(), [&](const Impl& impl) { return impl.id == id; });
  return found == impls.end() ? nullptr : &*found;
}

Dispatch ask(const OpContext& op, ImplList impls, const TacticTable* tactics) {
  Dispatch dispatch{.source = op.node.source,
                    .op = op_name(op.node),
                    .output = op.output().dims,
                    .absorbed = {},
                    .choices = {},
                    .refused = {},
                    .key = op_key(op),
                    .candidates = {},
                    .tactic = {}};
  std::vector<std::optional<Refusal>> answers;
  for (const Impl& impl : impls) {
    answers.push_back(impl.can_run(op));
    if (impl.use != ImplUse::LastResort && !answers.back()) dispatch.candidates.push_back(impl.id);
  }
  const auto accepts = [&](const Impl& impl) {
    const auto& answer = answers[static_cast<size_t>(&impl - impls.data())];
    if (answer)
      dispatch.refused.push_back({impl.id, answer->reason});
    else
      dispatch.chosen = impl.id;
    return !answer;
  };
  const Impl* tuned = nullptr;
  if (tactics) {
    if (const auto found = tactics->find(dispatch.key); found != tactics->end()) {
      dispatch.tactic = found->second;
      tuned = find_impl(impls, found->second.impl);
    }
  }
  if (tuned && accepts(*tuned)) return dispatch;
  for (const Impl& impl : impls)
    if (impl.use != ImplUse::WhenTuned && &impl != tuned && accepts(impl)) break;
  return dispatch;
}

}  // namespace vitro
