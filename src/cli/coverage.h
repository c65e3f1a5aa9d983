#pragma once

#include <string>

#include "vitro/build.h"

namespace vitro::cli {

/// Prints what would become of the nodes of an ONNX model. Throws Unsupported for another model.
int run_coverage(const std::string& model, const BuildOptions& options, bool json);

}  // namespace vitro::cli
