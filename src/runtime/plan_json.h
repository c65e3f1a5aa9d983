#pragma once

#include <string>
#include <string_view>

#include "runtime/plan_data.h"

namespace vitro {

/// PlanInfo and the ledger as JSON text, and back. The readers throw CorruptFile.
std::string plan_info_to_json(const PlanInfo& info);
PlanInfo plan_info_from_json(std::string_view json);
std::string weights_to_json(const std::vector<WeightRecord>& weights);
std::vector<WeightRecord> weights_from_json(std::string_view json);

}  // namespace vitro
