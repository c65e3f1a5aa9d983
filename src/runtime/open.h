#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "frontend/imported_model.h"
#include "passes/quantization.h"
#include "runtime/quantization_record.h"
#include "vitro/build.h"

namespace vitro {

/// A model and what opening it gave to say: how a checkpoint was read, or how the options
/// contradict a plan. What a plan says of its own build is not repeated.
struct OpenedModel {
  Plan plan;
  std::vector<std::string> notes;
};

/// What build() reads, before any pass: of a checkpoint or an ONNX model.
ImportedModel import_model(const std::filesystem::path& path, const BuildOptions& options);

/// build() with the products that have `codes` in 8 bits, but for those that stay float by the
/// record, which the plan keeps. Throws what quantize_products() does.
Plan build_quantized(const std::filesystem::path& model, const BuildOptions& options,
                     Quantization codes, QuantizationRecord record);

/// load_or_build(), with notes.
OpenedModel open_plan(const std::filesystem::path& model, const BuildOptions& options);

}  // namespace vitro
