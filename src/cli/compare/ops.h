#pragma once

#include <string>
#include <vector>

#include "cli/output.h"
#include "runtime/compare.h"

namespace vitro::cli {

/// The ops of one side of a match, as texts that can be compared.
struct OpText {
  std::string ops;    ///< kinds: "mlp", "linear + gelu + linear"
  std::string shape;  ///< of the result
  std::string impls;  ///< of all steps
  size_t num_steps = 0;
  std::string weights;  ///< dtypes and layouts
  size_t weight_bytes = 0;
};

OpText op_text(const PlacedProgram& program, const std::vector<size_t>& ops);

/// Dtypes and layouts of the matrices and filters that ops read: "F32 cpu:panel16".
std::string weight_types(const PlacedProgram& program, const std::vector<size_t>& ops);

/// Names of the members that tell the two sides apart.
std::vector<std::string> differing(const OpText& a, const OpText& b);

/// The module that both sides of a match belong to.
std::string match_source(const PlacedProgram& a, const PlacedProgram& b, const OpMatch& match);

/// The keys of plan_json() whose values differ: [{"key", "a", "b"}].
Json plan_differences(const Plan& a, const Plan& b);

}  // namespace vitro::cli
