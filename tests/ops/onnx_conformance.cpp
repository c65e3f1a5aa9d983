// What becomes of ONNX's node tests. usage: onnx_conformance VECTORS
// One line each on standard output: name, pass, unsupported or fail, ops, reason.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "frontend/onnx/import.h"
#include "ops/onnx_vectors.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"
#include "vitro/error.h"

namespace vitro {
namespace {

std::pair<const char*, std::string> outcome(const OnnxVector& vector) {
  try {
    Graph graph = import_onnx(vector.model, "model.onnx", evaluate_constants);
    if (!vector.has_data) return {"fail", "imported, but there is no data to test it with"};
    std::string text = difference(vector, graph, find_backend("reference"), kOnnxConformance);
    if (!text.empty()) return {"fail", "reference: " + text};
    run_passes(graph, {});
    text = difference(vector, graph, find_backend("cpu"), kOnnxConformance);
    if (!text.empty()) return {"fail", "cpu: " + text};
    return {"pass", ""};
  } catch (const Error& error) {
    return {error.code() == ErrorCode::Unsupported ? "unsupported" : "fail", error.what()};
  } catch (const std::exception& error) {
    return {"fail", error.what()};
  }
}

}  // namespace
}  // namespace vitro

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const vitro::OnnxVector& vector : vitro::read_onnx_vectors(argv[1])) {
    auto [status, reason] = vitro::outcome(vector);
    std::replace_if(
        reason.begin(), reason.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    fmt::print("{}\t{}\t{}\t{}\n", vector.name, status, fmt::join(vector.ops, ","), reason);
  }
}
