#include "vitro/build.h"

#include "core/check.h"
#include "frontend/checkpoint/checkpoint.h"
#include "passes/pipeline.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro {

Plan build(const std::filesystem::path& checkpoint, const BuildOptions& options) {
  check(options.weights == DType::Float32 || options.weights == DType::BFloat16,
        ErrorCode::InvalidArgument, "build: weights as {}, expected F32 or BF16",
        dtype_name(options.weights));
  ImportedModel model =
      import_checkpoint(checkpoint, {options.arch, options.arch_params, options.weights_key,
                                     options.height, options.width, false});
  auto plan = std::make_shared<PlanData>();
  plan->info = std::move(model.info);
  plan->info.vitro_version = version();
  plan->weights = std::move(model.ledger);
  plan->graph = std::move(model.graph);
  run_passes(plan->graph, {options.dump_ir, options.weights});
  pack_weights(*plan);
  return Internals::plan(std::move(plan));
}

Plan load_or_build(const std::filesystem::path& model, const BuildOptions& options) {
  if (!is_plan_file(model)) return build(model, options);
  Plan plan = load(model);
  if (options.weights == DType::BFloat16 &&
      weights_dtype(Internals::data(plan).graph) != DType::BFloat16)
    fail_hint(ErrorCode::InvalidArgument,
              fmt::format("rebuild it: vitro build {} --weights bf16 -o {}", plan.info().source,
                          model.string()),
              "plan '{}' has weights in fp32, expected bf16", model.string());
  return plan;
}

}  // namespace vitro
