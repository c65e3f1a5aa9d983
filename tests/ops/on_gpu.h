#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "core/check.h"
#include "ops/onnx_vectors.h"

namespace vitro {

/// A file of tests/ops/data. A machine with a GPU may have the tree elsewhere than where it was
/// built: the environment's VITRO_SOURCE_DIR names it.
inline std::filesystem::path vectors_file(const char* name) {
  const char* tree = std::getenv("VITRO_SOURCE_DIR");
  return std::filesystem::path(tree ? tree : VITRO_SOURCE_DIR) / "tests/ops/data" / name;
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

/// difference() on a GPU in true float32; nothing where its backend refuses the graph.
inline std::optional<std::string> difference_on_gpu(const OnnxVector& vector, const Graph& graph,
                                                    const Backend& gpu) {
  try {
    return difference(vector, graph, gpu, kOnnxVector, Precision::Float32);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Unsupported) throw;
    return std::nullopt;
  }
}

}  // namespace vitro
