// Every pass computes what the graph before it did; models are run at another shape than the
// default.
#include <gtest/gtest.h>

#include "backends/reference/reference_backend.h"
#include "metric.h"
#include "models/models.h"
#include "passes/graphs.h"
#include "passes/passes.h"
#include "passes/pipeline.h"

namespace vitro::test {
namespace {

using Results = std::vector<std::vector<float>>;

Results run_reference(const Graph& graph, const std::vector<TensorType>& types) {
  PlanCache cache;
  const auto executable = reference_backend().compile({graph, types, cache});
  std::vector<Tensor> inputs, results;
  std::vector<TensorView> input_views, result_views;
  RandomWeights random(3);
  for (const TensorType& type : types) {
    const Constant values = random.take("input", type.dims, "");
    inputs.emplace_back(type.dims);
    std::ranges::copy(values.floats(), inputs.back().as<float>().begin());
    input_views.push_back(inputs.back().view());
  }
  for (const TensorType& type : executable->outputs()) {
    results.emplace_back(type.dims);
    result_views.push_back(results.back().view());
  }
  const auto lane = reference_backend().make_lane({});
  executable->on(*lane)->run(input_views, result_views, nullptr);
  Results values;
  for (const Tensor& result : results)
    values.emplace_back(result.as<float>().begin(), result.as<float>().end());
  return values;
}

void expect_close(const Results& actual, const Results& expected, const std::string& what,
                  const Tolerance& bound = kFoldedWeights) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].size(), expected[i].size()) << what;
    const Distance d = distance<float, float>(actual[i], expected[i]);
    EXPECT_TRUE(d.within(bound)) << what << ", output " << i << ": " << report(d, bound);
  }
}

class Equivalence : public testing::TestWithParam<PassCase> {};

TEST_P(Equivalence, OnePass) {
  const Graph before = GetParam().make();
  Graph after = before;
  GetParam().pass(after);
  const auto types = input_types(before);
  // The passes that are not exact.
  const bool rounds = GetParam().pass == round_weights || GetParam().pass == widen_halves;
  expect_close(run_reference(after, types), run_reference(before, types), GetParam().name,
               rounds ? kBFloat16Weights : kFoldedWeights);
}

TEST_P(Equivalence, WholePipeline) {
  const Graph before = GetParam().make();
  Graph after = before;
  run_passes(after);
  const auto types = input_types(before);
  const bool rounds = GetParam().pass == widen_halves;
  expect_close(run_reference(after, types), run_reference(before, types), GetParam().name,
               rounds ? kBFloat16Weights : kFoldedWeights);
}

INSTANTIATE_TEST_SUITE_P(Passes, Equivalence, testing::ValuesIn(pass_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

Graph small_model(const UniFormerConfig& config, int64_t size) {
  RandomWeights weights(1);
  ModelOptions options;
  options.num_classes = 10;
  options.height = options.width = size;
  options.stage_outputs = true;
  return build_uniformer(config, options, weights);
}

const std::vector<TensorType> kImages{{DType::Float32, {2, 3, 32, 64}}};

void expect_same_after_each_pass(const UniFormerConfig& config) {
  Graph graph = small_model(config, 64);
  const Results expected = run_reference(graph, kImages);
  for (const Pass& pass : pass_list()) {
    pass.run(graph);
    expect_close(run_reference(graph, kImages), expected, pass.name);
  }
}

TEST(NarrowModel, PlainStem) {
  expect_same_after_each_pass({"plain", {1, 2, 1, 1}, {16, 24, 32, 48}, 16});
}

TEST(NarrowModel, ConvolutionalStemAndAuxiliaryHead) {
  expect_same_after_each_pass(
      {"stem", {1, 1, 2, 1}, {16, 24, 32, 48}, 8, true, false, false, true});
}

TEST(NarrowModel, LayerScaleEverywhere) {
  expect_same_after_each_pass(
      {"scale", {1, 1, 1, 2}, {16, 24, 32, 48}, 16, false, true, true, true});
}

TEST(NarrowModel, InEightBits) {
  const Graph before = small_model({"plain", {1, 2, 1, 1}, {16, 24, 32, 48}, 16}, 64);
  Graph unfused = before, products = before, fused = before;
  run_passes(unfused, {.fuse_blocks = false});
  Quantization inputs;
  for (const Node& node : unfused.nodes) {
    if (node.kind != OpKind::Linear && node.kind != OpKind::Conv) continue;
    const auto channels = static_cast<size_t>(unfused.value(node.inputs[1]).type.dims.back());
    inputs[node.source] = {std::vector<float>(channels, 25), std::vector<float>(channels, 128), {}};
  }
  run_passes(products, {.fuse_blocks = false, .quantization = &inputs});
  run_passes(fused, {.quantization = &inputs});
  const Results expected = run_reference(before, kImages), results = run_reference(fused, kImages);
  EXPECT_EQ(results, run_reference(products, kImages));
  expect_close(results, expected, "8 bits", kEightBits);
}

class ModelEquivalence : public testing::TestWithParam<const char*> {};

TEST_P(ModelEquivalence, WholePipeline) {
  Graph graph = small_model(find_model(GetParam()), 224);
  const std::vector<TensorType> types{{DType::Float32, {1, 3, 64, 32}}};
  const Results expected = run_reference(graph, types);
  run_passes(graph);
  expect_close(run_reference(graph, types), expected, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, ModelEquivalence,
                         testing::Values("uniformer_small", "uniformer_small_plus",
                                         "uniformer_small_tl"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace vitro::test
