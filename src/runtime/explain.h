#pragma once

#include <span>
#include <string>

#include "backends/backend.h"
#include "passes/near_miss.h"
#include "runtime/tactics.h"

namespace vitro {

/// A table with one row for each op: kind, source, result, the implementation it got, and who
/// refused it with which values. Where there are tactics, also the microseconds that it and the
/// others took when they were measured.
std::string dispatch_text(std::span<const Dispatch> dispatches);

/// What looks like a fused op and stayed apart, one line each: the pattern, the node of the model
/// and the first condition that failed. Empty when there is nothing.
std::string near_misses_text(std::span<const NearMiss> misses);

/// Whether the plan's tactics hold for this machine and number of threads, and for how many of the
/// ops; one line.
std::string tactics_text(const Tactics& tactics, const TacticSetting& setting,
                         std::span<const Dispatch> dispatches);

}  // namespace vitro
