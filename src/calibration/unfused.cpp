#include "calibration/unfused.h"

#include "core/check.h"
#include "passes/pipeline.h"
#include "runtime/open.h"

namespace vitro {

std::shared_ptr<const PlanData> unfused_plan(const std::filesystem::path& model,
                                             const BuildOptions& build) {
  if (is_plan_file(model))
    fail_hint(ErrorCode::InvalidArgument, "calibrate the model that the plan was built from",
              "'{}' is a plan, whose products are fused already: expected a checkpoint or an ONNX "
              "model",
              model.string());
  ImportedModel imported = import_model(model, build);
  auto plan = std::make_shared<PlanData>();
  plan->info = std::move(imported.info);
  plan->weights = std::move(imported.ledger);
  plan->graph = std::move(imported.graph);
  run_passes(plan->graph, {.fuse_blocks = false});
  return plan;
}

}  // namespace vitro
