#include <gtest/gtest.h>

#include "frontend/onnx/import.h"
#include "ops/on_gpu.h"
#include "ops/onnx_vectors.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"

// Models with ONNX Runtime's own ops: tools/make_onnx_microsoft.py.
namespace vitro {
namespace {

class MicrosoftOps : public testing::TestWithParam<OnnxVector> {};

TEST_P(MicrosoftOps, GiveTheResultsOfOnnxRuntime) {
  // Of codes another one may be as good: in these a step is at most 0.1.
  const bool of_codes = GetParam().name.starts_with("Q") || GetParam().name.starts_with("quant");
  const double relative = of_codes ? kQuantizedModel : kOnnxConformance;
  Graph graph = import_onnx(GetParam().model, "model.onnx", evaluate_constants);
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference"), relative), "");
  run_passes(graph);
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference"), relative), "");
  EXPECT_EQ(difference(GetParam(), graph, find_backend("cpu"), relative), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, MicrosoftOps,
    testing::ValuesIn(read_onnx_vectors(vectors_file("onnx_microsoft.safetensors"))),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace vitro
