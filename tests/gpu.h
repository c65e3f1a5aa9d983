#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "backends/backend.h"

namespace vitro {

/// The root of the sources. A machine with a GPU may have the tree elsewhere than where it was
/// built: the environment's VITRO_SOURCE_DIR names it.
inline std::filesystem::path source_tree() {
  const char* tree = std::getenv("VITRO_SOURCE_DIR");
  return tree ? tree : VITRO_SOURCE_DIR;
}

/// The cuda backend; null, and a reason, where it cannot be used.
inline const Backend* gpu_backend(std::string& reason) {
  for (const BackendRow& row : backend_rows()) {
    if (std::string_view(row.name) != "cuda") continue;
    const auto refusal = why_unavailable(row);
    if (!refusal) return row.backend;
    reason = refusal->reason;
  }
  return nullptr;
}

}  // namespace vitro
