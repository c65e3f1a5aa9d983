#include "vitro/build.h"

#include "frontend/checkpoint/checkpoint.h"
#include "passes/pipeline.h"
#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

PlanInfo plan_info(const ImportedModel& model) {
  PlanInfo info;
  info.architecture = model.config.name;
  info.head_dim = model.config.head_dim;
  info.num_classes = model.num_classes;
  for (const LedgerEntry& entry : model.ledger)
    if (!entry.name.ends_with("num_batches_tracked"))
      info.num_parameters += num_elements(entry.dims);
  info.preprocessing = model.preprocessing;
  info.label_ids = model.label_ids;
  info.labels = model.labels;
  info.source = model.source_name;
  info.source_checksum = model.source_checksum;
  info.vitro_version = version();
  info.notes = model.notes;
  return info;
}

}  // namespace

Plan build(const std::filesystem::path& checkpoint, const BuildOptions& options) {
  ImportedModel model = import_checkpoint(
      checkpoint, {options.arch, options.head_dim, options.height, options.width, false});
  auto plan = std::make_shared<PlanData>();
  plan->info = plan_info(model);
  for (const LedgerEntry& entry : model.ledger)
    plan->weights.push_back({entry.name, entry.dims, entry.dtype, entry.consumer, entry.checksum});
  plan->graph = std::move(model.graph);
  run_passes(plan->graph, {options.dump_ir});
  return Plan(std::move(plan));
}

Plan load_or_build(const std::filesystem::path& model, const BuildOptions& options) {
  return is_plan_file(model) ? load(model) : build(model, options);
}

}  // namespace vitro
