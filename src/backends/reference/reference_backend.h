#pragma once

#include "backends/backend.h"
#include "backends/program.h"

namespace vitro {

/// Every plain op in naive float32 code: slow, and the definition the others are tested against.
const Backend& reference_backend();

/// Its implementations of a kind: none for reshapes, which are views, and for fused ops, whose body
/// defines them. Other backends end their lists with these.
ImplList reference_impls(OpKind kind);

}  // namespace vitro
