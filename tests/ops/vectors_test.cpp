#include <gtest/gtest.h>

#include <map>
#include <set>

#include "formats/hostile.h"
#include "frontend/onnx/import.h"
#include "ir/op_info.h"
#include "ops/cases.h"
#include "ops/on_gpu.h"
#include "ops/onnx_round_trip.h"
#include "ops/onnx_vectors.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"

// ONNX's own node tests, which tools/make_onnx_vectors.py packed: an oracle that shares no line and
// no author with the importer and the backends.
namespace vitro {
namespace {

const std::vector<OnnxVector>& vectors() {
  static const std::vector<OnnxVector> list =
      read_onnx_vectors(vectors_file("onnx_vectors.safetensors"));
  return list;
}

Graph import(const OnnxVector& vector) {
  return import_onnx(vector.model, "model.onnx", evaluate_constants);
}

class OnnxVectors : public testing::TestWithParam<OnnxVector> {};

TEST_P(OnnxVectors, GiveTheExpectedResults) {
  Graph graph = import(GetParam());
  EXPECT_EQ(difference(GetParam(), graph, find_backend("reference")), "");
  run_passes(graph, {});
  EXPECT_EQ(difference(GetParam(), graph, find_backend("cpu")), "");
}

// One test of all, so that a backend that refuses ever more is seen.
TEST(OnnxVectorsOnAGpu, GiveTheExpectedResults) {
  std::string reason;
  const Backend* gpu = gpu_backend(reason);
  if (!gpu) GTEST_SKIP() << reason;
  int compared = 0;
  for (const OnnxVector& vector : vectors()) {
    Graph graph = import(vector);
    run_passes(graph, {});
    const auto text = difference_on_gpu(vector, graph, *gpu);
    compared += text.has_value();
    EXPECT_EQ(text.value_or(""), "") << vector.name;
  }
  std::printf("%d of %zu vectors compared\n", compared, vectors().size());
  EXPECT_GE(compared, 811) << "of " << vectors().size();
}

/// Whether an opset has no words for a graph, which its error says.
bool is_unsaid(const Error& error) {
  return error.code() == ErrorCode::Unsupported &&
         std::string_view(error.what()).find("cannot be written in opset") != std::string::npos;
}

// As they are imported, and behind the passes, which move transposes and fuse.
TEST_P(OnnxVectors, GiveTheSameWhenTheyAreWritten) {
  Graph graph = import(GetParam());
  Graph optimised = graph;
  run_passes(optimised, {});
  for (const int64_t opset : {kLeastOnnxOpset, kUsualOnnxOpset, kMostOnnxOpset})
    for (const Graph* from : {&graph, &optimised}) {
      try {
        const Graph written = round_trip(*from, opset);
        EXPECT_EQ(difference(GetParam(), written, find_backend("reference")), "")
            << print(*from) << print(written);
      } catch (const Error& error) {
        EXPECT_TRUE(is_unsaid(error)) << error.what() << print(*from);
      }
    }
}

TEST(OnnxVectorsThatCannotBeWritten, AreFew) {
  std::set<std::string> unsaid;
  for (const OnnxVector& vector : vectors()) {
    try {
      round_trip(import(vector), kMostOnnxOpset);
    } catch (const Error& error) {
      EXPECT_TRUE(is_unsaid(error)) << error.what();
      unsaid.insert(vector.name);
    }
  }
  EXPECT_EQ(unsaid, (std::set<std::string>{"dequantizelinear_int16", "dequantizelinear_uint16",
                                           "quantizelinear_int16", "quantizelinear_uint16"}));
}

INSTANTIATE_TEST_SUITE_P(All, OnnxVectors, testing::ValuesIn(vectors()),
                         [](const auto& param_info) { return param_info.param.name; });

TEST(OnnxVectorsOfEveryOp, OrCasesByHand) {
  std::map<std::string, int> counts;
  for (const OnnxVector& vector : vectors())
    for (const Node& node : import(vector).nodes) ++counts[op_name(node)];
  std::set<std::string> by_hand;
  for (const OpCase& op_case : op_cases()) by_hand.insert(op_name(op_case.build().nodes.at(0)));
  for (int kind = 0; kind < kNumOpKinds; ++kind)
    for (const char* name : op_names(op_info(static_cast<OpKind>(kind)))) {
      if (counts.contains(name)) std::printf("%-20s %d vectors\n", name, counts.at(name));
      const bool has_meaning = static_cast<OpKind>(kind) != OpKind::Foreign;
      EXPECT_TRUE(!has_meaning || counts.contains(name) || by_hand.contains(name))
          << name << " has neither a vector nor a case";
    }
}

// Bytes that are nearly a model end with a graph or a typed error, through the passes too.
TEST(OnnxVectorsWithWrongBytes, AreHarmless) {
  const test::Parse parse = [](std::span<const std::byte> bytes) {
    Graph graph = import_onnx(bytes, "/nowhere/model.onnx", evaluate_constants);
    run_passes(graph, {});
    exported(graph, kUsualOnnxOpset);
  };
  for (size_t i = 0; i < vectors().size(); i += 7)
    if (vectors()[i].model.size() < 4000)
      test::expect_mutations_are_harmless(parse, vectors()[i].model, 60);
}

}  // namespace
}  // namespace vitro
