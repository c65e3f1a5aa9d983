#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "vitro/plan.h"

namespace vitro::cli {

/// What a plan says about itself, as the lines and as the JSON keys of `build` and `inspect`.
std::vector<std::pair<std::string, std::string>> plan_fields(const Plan& plan);
Json plan_json(const Plan& plan);
/// How its checkpoint was read, and what of its preprocessing was guessed.
std::vector<std::string> plan_notes(const Plan& plan);

/// The object "preprocessing" of docs/cli.md.
Json preprocessing_json(const Preprocessing& preprocessing);

/// How the matrices of a plan are stored: "fp32" or "bf16", as --weights has it, or "int8".
const char* weights_name(const Plan& plan);

/// Bytes of all constants of the plan's graph.
int64_t weight_bytes(const Plan& plan);

}  // namespace vitro::cli
