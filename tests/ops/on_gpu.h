#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/check.h"
#include "ops/onnx_vectors.h"

namespace vitro {

/// A file of tests/ops/data. A machine with a GPU may have the tree elsewhere than where it was
/// built: the environment's VITRO_SOURCE_DIR names it.
inline std::filesystem::path vectors_file(const char* name) {
  const char* tree = std::getenv("VITRO_SOURCE_DIR");
  return std::filesystem::path(tree ? tree : VITRO_SOURCE_DIR) / "tests/ops/data" / name;
}

/// That the cuda backend gives the expected results. Skipped without a GPU, or where it refuses the
/// graph.
inline void expect_equal_on_gpu(const OnnxVector& vector, const Graph& graph) {
  for (const BackendRow& row : backend_rows()) {
    if (std::string_view(row.name) != "cuda") continue;
    if (const auto refusal = why_unavailable(row)) GTEST_SKIP() << refusal->reason;
    try {
      EXPECT_EQ(difference(vector, graph, *row.backend, kOnnxVector, Precision::Float32), "");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Unsupported) throw;
      GTEST_SKIP() << error.what();
    }
  }
}

}  // namespace vitro
