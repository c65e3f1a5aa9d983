#pragma once

#include "frontend/onnx/import.h"

namespace vitro::onnx {

/// Puts constants in place of what nodes make of constants alone through results that are larger:
/// what the importer leaves, which looks at one node at a time. Results that swell the model by
/// more than `allowance` elements together, and those with too much on the way, are left to be made
/// when the model runs.
void fold_constant_chains(vitro::Graph& graph, const EvaluateConstants& evaluate,
                          int64_t allowance);

}  // namespace vitro::onnx
