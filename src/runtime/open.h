#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vitro/build.h"

namespace vitro {

/// A model and what opening it gave to say: how a checkpoint was read, or how the options
/// contradict a plan. What a plan says of its own build is not repeated.
struct OpenedModel {
  Plan plan;
  std::vector<std::string> notes;
};

/// load_or_build(), with notes.
OpenedModel open_plan(const std::filesystem::path& model, const BuildOptions& options);

}  // namespace vitro
