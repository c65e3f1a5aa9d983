#include "vitro/plan.h"

#include "backends/backend.h"
#include "core/check.h"
#include "runtime/plan_data.h"

namespace vitro {

const PlanInfo& Plan::info() const { return data_->info; }

const Classifier& Plan::classifier() const {
  if (!info().classifier)
    fail_hint(ErrorCode::Unsupported, "give it a tensor: vitro run, or Session::run()",
              "the model of '{}' is not a classifier: its plan has no classes and no preprocessing",
              info().source);
  return *info().classifier;
}

const std::vector<WeightRecord>& Plan::weights() const { return data_->weights; }
std::string Plan::graph_text() const { return print(data_->graph); }

std::shared_ptr<PlanCache> make_plan_cache() {
  std::vector<const PackedForm*> forms;
  for (const BackendRow& row : backend_rows())
    if (row.backend)
      for (const PackedForm* form : row.backend->packed_forms()) forms.push_back(form);
  return std::make_shared<PlanCache>(std::move(forms));
}

void pack_weights(PlanData& plan) {
  const std::vector<TensorType> inputs = input_types(plan.graph);
  for (const BackendRow& row : backend_rows())
    if (row.backend && !row.backend->packed_forms().empty())
      row.backend->compile({plan.graph, inputs, *plan.cache});
  const auto packed = plan.cache->storable();
  for (Value& value : plan.graph.values) {
    if (!value.constant) continue;
    if (const auto found = packed.find(value.constant->bytes.data()); found != packed.end())
      value.constant = found->second;
  }
  plan.cache = make_plan_cache();
}

DType weights_dtype(const Graph& graph) {
  for (DType narrow : {DType::Int8, DType::Float8E4M3, DType::BFloat16})
    for (const Value& value : graph.values)
      if (value.constant && value.constant->type.dtype == narrow) return narrow;
  return DType::Float32;
}

}  // namespace vitro
