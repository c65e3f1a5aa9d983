#pragma once

#include "backends/backend.h"

namespace vitro {

/// Every plain op in naive float32 code: slow, and the definition the others are tested against.
const Backend& reference_backend();

}  // namespace vitro
