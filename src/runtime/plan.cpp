#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro {

const char* version() { return VITRO_VERSION; }

const PlanInfo& Plan::info() const { return data_->info; }
const std::vector<WeightRecord>& Plan::weights() const { return data_->weights; }
std::string Plan::graph_text() const { return print(data_->graph); }

DType weights_dtype(const Graph& graph) {
  for (const Value& value : graph.values)
    if (value.constant && value.constant->dtype == DType::BFloat16) return DType::BFloat16;
  return DType::Float32;
}

}  // namespace vitro
