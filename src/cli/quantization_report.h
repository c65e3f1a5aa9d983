#pragma once

#include <string>

#include "cli/output.h"
#include "vitro/plan.h"

namespace vitro::cli {

/// The products of a plan in 8 bits for `inspect --quant`: those with the largest errors, or all.
std::string quantization_text(const Plan& plan, bool all);
/// The object "quant" of docs/cli.md.
Json quantization_json(const Plan& plan);

}  // namespace vitro::cli
