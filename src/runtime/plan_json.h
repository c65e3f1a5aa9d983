#pragma once

#include <string>
#include <string_view>

#include "runtime/plan_data.h"

namespace vitro {

/// The text with U+FFFD in place of bytes that are no UTF-8, which a plan cannot hold.
std::string repaired_utf8(const std::string& text);

/// PlanInfo and the ledger as JSON text, and back. Text is repaired. The readers throw CorruptFile.
std::string plan_info_to_json(const PlanInfo& info);
PlanInfo plan_info_from_json(std::string_view json);
std::string weights_to_json(const std::vector<WeightRecord>& weights);
std::vector<WeightRecord> weights_from_json(std::string_view json);

}  // namespace vitro
