#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "formats/tensor_file.h"
#include "tolerances.h"

namespace vitro {

/// One of ONNX's own node tests, as tools/make_onnx_vectors.py packs them.
struct OnnxVector {
  std::string name;
  std::vector<std::string> ops;  ///< of its nodes; may be empty
  bool has_data = true;          ///< else there is the model alone
  std::span<const std::byte> model;
  std::vector<TensorEntry> inputs, outputs;
};
void PrintTo(const OnnxVector& vector, std::ostream* out);

/// All of a file, which stays in memory.
std::vector<OnnxVector> read_onnx_vectors(const std::filesystem::path& path);

/// How the results of an imported graph differ from the expected ones; empty when they are equal:
/// integers exactly, floats element by element within `relative` or the tolerance of their type.
std::string difference(const OnnxVector& vector, const Graph& graph, const Backend& backend,
                       double relative = kOnnxVector, Precision precision = Precision::Default);

}  // namespace vitro
