// The whole pipeline on every architecture: what is left of it.
#include <gtest/gtest.h>

#include <map>

#include "ir/op_info.h"
#include "models/models.h"
#include "passes/pipeline.h"

namespace vitro::test {
namespace {

using Counts = std::map<std::string, int64_t>;

/// Weights that cost no memory: every byte is zero and shared.
class ZeroWeights : public WeightSource {
 public:
  Constant take(const std::string&, const Dims& dims, std::string_view) override {
    const auto size = static_cast<size_t>(num_elements(dims));
    if (zeros_->size() < size) zeros_ = std::make_shared<std::vector<float>>(size);
    return {{DType::Float32, dims}, "", std::as_bytes(std::span(zeros_->data(), size)), zeros_};
  }

 private:
  std::shared_ptr<std::vector<float>> zeros_ = std::make_shared<std::vector<float>>();
};

Counts count_ops(const Graph& graph) {
  Counts counts;
  for (const Node& node : graph.nodes) ++counts[op_name(node)];
  return counts;
}

Counts expected_ops(const UniFormerConfig& config) {
  const int64_t local = config.depth[0] + config.depth[1],
                global = config.depth[2] + config.depth[3];
  Counts counts{{"transpose", 1},
                {"conv", 4},
                {"local_mixer", local},
                {"depthwise_conv2d", global},
                {"attention_block", global},
                {"mlp", local + global},
                {"reduce_mean", 1},
                {"linear", 1}};
  if (config.conv_stem) {
    counts["conv"] = 5;
    counts["gelu"] = 1;
  } else {
    counts["layer_norm"] = 4;
  }
  if (config.aux_head) {
    counts["linear"] = 2;
    counts["reduce_max"] = 1;
    counts["add"] = 1;
  }
  return counts;
}

/// Of what is pruned, the ops that decide and those that work; moves between them are not counted.
Counts expected_pruned_ops(const UniFormerConfig& config) {
  const int64_t local = config.depth[0] + config.depth[1],
                global = config.depth[2] + config.depth[3], pruned = global - 1;
  return {{"local_mixer", local},     {"mlp", local + global}, {"attention", global - 1},
          {"attention_block", 1},      // the last one, whose scores nobody reads
          {"softmax", global - 1},     // what the class token attends to, but in the last block
          {"top_k", 2 * pruned},       // there and back
          {"gather", 3 * pruned - 1},  // tokens there and back, scores back, but in the last block
          {"average_pool", 1}};
}

class ModelPasses : public testing::TestWithParam<UniFormerConfig> {};

TEST_P(ModelPasses, LeaveFusedBlocks) {
  ZeroWeights weights;
  Graph graph = build_uniformer(GetParam(), {}, weights);
  run_passes(graph);
  verify(graph);
  if (GetParam().token_pruning) {
    Counts counts = count_ops(graph);
    for (const auto& [name, count] : expected_pruned_ops(GetParam()))
      EXPECT_EQ(counts[name], count) << name;
    return;
  }
  EXPECT_EQ(count_ops(graph), expected_ops(GetParam()));
  for (const Node& node : graph.nodes) {
    if (node.kind == OpKind::AttentionBlock) {
      const int64_t heads = graph.value(node.output()).type.dims[3] / GetParam().head_dim;
      EXPECT_EQ(node.as<AttentionBlockAttrs>(),
                (AttentionBlockAttrs{heads, GetParam().head_dim, 1.0f, 1e-6f}));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ModelPasses, testing::ValuesIn(model_configs()),
                         [](const auto& test) { return test.param.name; });

TEST(ModelPassesOptions, StageOutputsStay) {
  RandomWeights weights;
  ModelOptions options;
  options.stage_outputs = true;
  options.num_classes = 7;
  const UniFormerConfig& config = find_model("uniformer_small");
  Graph graph = build_uniformer(config, options, weights);
  run_passes(graph);
  EXPECT_EQ(count_ops(graph), expected_ops(config));
  ASSERT_EQ(graph.outputs.size(), 5u);
  EXPECT_EQ(graph.value(graph.outputs[0].value).type.dims, (Dims{1, 7}));
  EXPECT_EQ(graph.value(graph.outputs[4].value).type.dims, (Dims{1, 7, 7, 512}));
}

TEST(ModelPassesOptions, OtherShapesStillInfer) {
  RandomWeights weights;
  Graph graph = build_uniformer(find_model("uniformer_small"), {}, weights);
  run_passes(graph);
  const TensorType images{DType::Float32, {3, 3, 96, 160}};
  const auto types = infer_types(graph, {&images, 1});
  EXPECT_EQ(types[static_cast<size_t>(graph.outputs[0].value)].dims, (Dims{3, 1000}));
}

}  // namespace
}  // namespace vitro::test
