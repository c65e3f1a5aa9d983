#pragma once

#include "backends/backend.h"
#include "vitro/session.h"

namespace vitro {

/// Session::run() under the eyes of an observer, which may be null.
void run_observed(const Session& session, const float* images, const Dims& dims, float* logits,
                  RunObserver* observer);

/// What the session runs for inputs of this shape; compiles it when that is new.
std::shared_ptr<const Executable> compiled_program(const Session& session, const Dims& dims);

}  // namespace vitro
