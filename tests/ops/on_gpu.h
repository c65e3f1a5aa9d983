#pragma once

#include <optional>

#include "core/check.h"
#include "gpu.h"
#include "ops/onnx_vectors.h"

namespace vitro {

/// A file of tests/ops/data.
inline std::filesystem::path vectors_file(const char* name) {
  return source_tree() / "tests/ops/data" / name;
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
