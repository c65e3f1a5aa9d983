#pragma once

#include "cli/output.h"
#include "vitro/session.h"

namespace vitro::cli {

/// What trtexec's --exportLayerInfo writes: the layers in order, here the ops that run for inputs
/// of these extents, and the names of inputs and outputs.
Json layers_json(const Session& session, std::span<const Dims> dims);

}  // namespace vitro::cli
