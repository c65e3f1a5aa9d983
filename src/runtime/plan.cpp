#include "vitro/plan.h"
#include "runtime/plan_data.h"

namespace vitro {

const PlanInfo& Plan::info() const { return data_->info; }
const std::vector<WeightRecord>& Plan::weights() const { return data_->weights; }
std::string Plan::graph_text() const { return print(data_->graph); }

DType weights_dtype(const Graph& graph) {
  for (const Value& value : graph.values)
    if (value.constant && value.constant->dtype == DType::BFloat16) return DType::BFloat16;
  return DType::Float32;
}

}  // namespace vitro
