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
  Dispatch dispatch{op.node.source, op_name(op.node), op.output().dims, {}, op_key(op), {}, {}};
  for (const Impl& impl : impls)
    if (impl.use != ImplUse::LastResort && !impl.can_run(op))
      dispatch.candidates.push_back(impl.id);
  const auto accepts = [&](const Impl& impl) {
    const auto refusal = impl.can_run(op);
    dispatch.answers.push_back({impl.id, refusal ? refusal->reason : ""});
    return !refusal;
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
