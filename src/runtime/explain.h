#pragma once

#include <span>
#include <string>

#include "backends/backend.h"

namespace vitro {

/// Whether all implementations refused the op, or there are none, and its body runs instead.
bool is_inlined(const Dispatch& dispatch);

/// A table with one row for each op: kind, source, result, the implementation it got, and who
/// refused it with which values.
std::string dispatch_text(std::span<const Dispatch> dispatches);

}  // namespace vitro
