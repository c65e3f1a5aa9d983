#pragma once

#include <string>

#include "cli/output.h"
#include "runtime/quantization_record.h"
#include "vitro/plan.h"

namespace vitro::cli {

/// The products of a plan in 8 bits for `inspect --quant`: those with the largest errors, or all.
std::string quantization_text(const Plan& plan, bool all);
/// The object "quant" of docs/cli.md.
Json quantization_json(const Plan& plan);

/// How products were chosen for --max-drop: the most sensitive ones, or all, and the points that
/// were evaluated. The record has a search.
std::string search_text(const QuantizationRecord& record, bool all);

}  // namespace vitro::cli
