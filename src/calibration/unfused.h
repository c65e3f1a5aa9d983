#pragma once

#include <filesystem>
#include <memory>

#include "runtime/plan_data.h"
#include "vitro/build.h"

namespace vitro {

/// A checkpoint or an ONNX model as a build has it right before blocks are fused. Throws what
/// building throws, and InvalidArgument for a plan.
std::shared_ptr<const PlanData> unfused_plan(const std::filesystem::path& model,
                                             const BuildOptions& build);

}  // namespace vitro
