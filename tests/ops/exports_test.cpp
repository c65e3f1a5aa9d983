#include <gtest/gtest.h>

#include "frontend/onnx/import.h"
#include "ir/op_info.h"
#include "ops/on_gpu.h"
#include "ops/onnx_round_trip.h"
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
  std::string reason;
  const Backend* gpu = gpu_backend(reason);
  if (!gpu) GTEST_SKIP() << reason;
  Graph graph = import(GetParam());
  run_passes(graph);
  EXPECT_EQ(difference_on_gpu(GetParam(), graph, *gpu), "") << "or it was refused";
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

// The weights that scores are made of are a row of an attention's: it is fused beside them.
TEST(OnnxExportsOfLightUniFormer, HaveAttentionBesideTheirScores) {
  for (const OnnxVector& vector : exports()) {
    if (!vector.name.starts_with("uniformer_light")) continue;
    Graph graph = import(vector);
    run_passes(graph);
    const size_t fused = count(graph, OpKind::Attention) + count(graph, OpKind::AttentionBlock);
    EXPECT_EQ(fused, 3u) << vector.name << "\n" << print(graph);
    EXPECT_EQ(count(graph, OpKind::Softmax), 2u) << vector.name << "\n" << print(graph);
  }
}

TEST(OnnxExportsOfTransformers, HaveTheirAttention) {
  for (const OnnxVector& vector : exports()) {
    const bool is_swin = vector.name.starts_with("swin");
    if (!is_swin && !vector.name.starts_with("vit") && !vector.name.starts_with("deit")) continue;
    Graph graph = import(vector);
    const size_t softmaxes = count(graph, OpKind::Softmax);
    run_passes(graph);
    const OpKind fused = is_swin ? OpKind::Attention : OpKind::AttentionBlock;
    EXPECT_EQ(count(graph, fused), softmaxes) << vector.name << "\n" << print(graph);
    EXPECT_GT(softmaxes, 0u) << vector.name;
    for (const Node& node : graph.nodes)
      EXPECT_TRUE(!is_swin || node.kind != OpKind::Attention || node.has_input(1)) << node.source;
  }
}

std::string text_of(std::span<const IoInfo> infos) {
  std::string text;
  for (const IoInfo& info : infos) text += info.name + " " + to_string(info.dims) + "; ";
  return text;
}

/// What a backend works on: products, what is fused, and what moves.
std::map<std::string, int> count_work(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const Node& node : graph.nodes)
    if (op_info(node.kind).has(Product) || node.body || node.kind == OpKind::Transpose)
      ++counts[op_name(node)];
  return counts;
}

TEST_P(OnnxExports, AreTheSameModelWhenTheyAreWritten) {
  const Graph graph = import(GetParam());
  Graph optimised = graph;
  run_passes(optimised);
  for (const int64_t opset : {kLeastOnnxOpset, kUsualOnnxOpset, kMostOnnxOpset}) {
    Graph written = round_trip(optimised, opset);
    EXPECT_EQ(difference(GetParam(), written, find_backend("reference")), "");
    EXPECT_EQ(text_of(input_infos(written)), text_of(input_infos(graph)));
    EXPECT_EQ(text_of(output_infos(written)), text_of(output_infos(graph)));
    // Nothing that was fused is lost.
    run_passes(written);
    EXPECT_EQ(count_work(written), count_work(optimised)) << print(written) << print(optimised);
  }
}

// Convolutions read what convolutions write; only a norm over channels needs the other layout.
TEST(OnnxExportsThatAreWritten, HaveFewTransposes) {
  for (const OnnxVector& vector : exports()) {
    const Graph graph = import(vector);
    Graph optimised = graph;
    run_passes(optimised);
    const size_t transposes = exported(optimised, kUsualOnnxOpset).transposes.size();
    const size_t norms = count(optimised, OpKind::LayerNorm) + count(optimised, OpKind::Mlp);
    const std::map<std::string, size_t> most{
        {"resnet", 0}, {"efficientnet", 0}, {"mobilenet", 1}, {"convnext", 2 * norms}};
    for (const auto& [family, bound] : most)
      if (vector.name.starts_with(family)) {
        EXPECT_LE(transposes, bound) << vector.name;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxExports, testing::ValuesIn(exports()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace vitro
