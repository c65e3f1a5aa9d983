#pragma once

#include "vitro/session.h"

namespace vitro {

/// The output of a model of one input and one output, as float32, for an input of float32: models
/// of half or double floats get theirs rounded. Throws what Session::run() does.
Tensor run_on_floats(const Session& session, const Tensor& input);

}  // namespace vitro
