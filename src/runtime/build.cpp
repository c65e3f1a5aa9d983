#include "vitro/build.h"

#include "core/check.h"
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
  for (const WeightRecord& entry : model.ledger)
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
  check(options.weights == DType::Float32 || options.weights == DType::BFloat16,
        ErrorCode::InvalidArgument, "build: weights as {}, expected F32 or BF16",
        dtype_name(options.weights));
  ImportedModel model = import_checkpoint(
      checkpoint, {options.arch, options.head_dim, options.height, options.width, false});
  auto plan = std::make_shared<PlanData>();
  plan->info = plan_info(model);
  plan->weights = std::move(model.ledger);
  plan->graph = std::move(model.graph);
  run_passes(plan->graph, {options.dump_ir, options.weights});
  pack_weights(*plan);
  return Plan(std::move(plan));
}

Plan load_or_build(const std::filesystem::path& model, const BuildOptions& options) {
  if (!is_plan_file(model)) return build(model, options);
  Plan plan = load(model);
  if (options.weights == DType::BFloat16 && weights_dtype(plan.data().graph) != DType::BFloat16)
    fail_hint(ErrorCode::InvalidArgument,
              fmt::format("rebuild it: vitro build {} --weights bf16 -o {}", plan.info().source,
                          model.string()),
              "plan '{}' has weights in fp32, expected bf16", model.string());
  return plan;
}

}  // namespace vitro
