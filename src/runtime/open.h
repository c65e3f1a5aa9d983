#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "frontend/imported_model.h"
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

/// load_or_build(), with notes.
OpenedModel open_plan(const std::filesystem::path& model, const BuildOptions& options);

}  // namespace vitro
