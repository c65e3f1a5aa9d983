#include <gtest/gtest.h>

#include "frontend/onnx/import.h"
#include "ir/op_info.h"
#include "ops/on_gpu.h"
#include "ops/onnx_vectors.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"

// Tiny relatives of the families that people bring, as PyTorch's two exporters write them:
// tools/make_onnx_exports.py. Where height and width are open, at another size than the default.
namespace vitro {
namespace {

const std::vector<OnnxVector>& exports() {
  static const std::vector<OnnxVector> list =
      read_onnx_vectors(vectors_file("onnx_exports.safetensors"));
  return list;
}

Graph import(const OnnxVector& vector) {
  return import_onnx(vector.model, "model.onnx", evaluate_constants);
}

size_t count(const Graph& graph, OpKind kind) {
  return static_cast<size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                           [&](const Node& node) { return node.kind == kind; }));
}

class OnnxExports : public testing::TestWithParam<OnnxVector> {};

TEST_P(OnnxExports, GiveTheLogitsOfPyTorch) {
  Graph graph = import(GetParam());
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference")), "");
  run_passes(graph);
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference")), "");
  EXPECT_EQ(difference(GetParam(), graph, find_backend("cpu")), "");
}

TEST_P(OnnxExports, GiveTheLogitsOfPyTorchOnAGpu) {
  Graph graph = import(GetParam());
  run_passes(graph);
  expect_equal_on_gpu(GetParam(), graph);
}

TEST(OnnxExportsOfConvolutions, KeepNoTransposeButThatOfThePictures) {
  for (const OnnxVector& vector : exports()) {
    const std::string& name = vector.name;
    if (!name.starts_with("resnet") && !name.starts_with("mobilenet") &&
        !name.starts_with("convnext"))
      continue;
    Graph graph = import(vector);
    run_passes(graph);
    EXPECT_EQ(count(graph, OpKind::Transpose), 1u) << name << "\n" << print(graph);
    EXPECT_EQ(count(graph, OpKind::Shape), 0u) << name;
    EXPECT_EQ(count(graph, OpKind::Gather), 0u) << name;
  }
}

TEST(OnnxExportsOfUniFormer, HaveItsLocalBlocks) {
  for (const OnnxVector& vector : exports()) {
    if (!vector.name.starts_with("uniformer")) continue;
    Graph graph = import(vector);
    run_passes(graph);
    EXPECT_EQ(count(graph, OpKind::LocalMixer), 2u) << vector.name << "\n" << print(graph);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxExports, testing::ValuesIn(exports()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace vitro
