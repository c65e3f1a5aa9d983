#pragma once

#include "backends/backend.h"
#include "backends/program.h"

namespace vitro {

/// The one with that id, or nullptr.
const Impl* find_impl(ImplList impls, std::string_view id);

/// Asks who runs an op: first the implementation that the op's tactic names, if there is one, then
/// the others in their order until one accepts. `tactics` may be null.
Dispatch ask(const OpContext& op, ImplList impls, const TacticTable* tactics);

}  // namespace vitro
