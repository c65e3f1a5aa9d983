#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "models/models.h"

namespace vitro {
namespace {

/// Zero weights that remember what was asked for.
class ShapeRecorder : public WeightSource {
 public:
  Constant take(const std::string& name, const Dims& dims, std::string_view) override {
    shapes[name] = dims;
    return allocate_floats(dims).first;
  }
  TensorShapes shapes;
};

TensorShapes shapes_of(const UniFormerConfig& config, int64_t num_classes) {
  ShapeRecorder recorder;
  ModelOptions options;
  options.num_classes = num_classes;
  build_uniformer(config, options, recorder);
  return recorder.shapes;
}

TEST(IdentifyModel, FindsEveryArchitectureUpToHeadDim) {
  for (const UniFormerConfig& config : model_configs()) {
    const Identification found = identify_model(shapes_of(config, 37));
    ASSERT_NE(found.config, nullptr) << config.name;
    EXPECT_EQ(found.num_classes, 37) << config.name;
    EXPECT_EQ(found.config->depth, config.depth) << config.name;
    if (found.config->name != config.name) {
      EXPECT_NE(found.note.find(config.name), std::string::npos) << found.note;
    }
  }
}

TEST(IdentifyModel, SaysWhenHeadDimIsAGuess) {
  const Identification plus = identify_model(shapes_of(find_model("uniformer_small_plus"), 10));
  EXPECT_EQ(plus.config->name, "uniformer_small_plus");
  EXPECT_NE(plus.note.find("uniformer_small_plus_dim64 (head_dim 64)"), std::string::npos);
  EXPECT_TRUE(identify_model(shapes_of(find_model("uniformer_small"), 10)).note.empty());
}

TEST(IdentifyModel, RefusesWhatItDoesNotKnow) {
  TensorShapes shapes = shapes_of(find_model("uniformer_small"), 10);
  shapes["blocks1.3.pos_embed.weight"] = {64, 1, 3, 3};
  test::expect_error(ErrorCode::Unsupported, "depth 4,4,8,3", [&] { identify_model(shapes); });
  shapes["cls_token"] = {1, 1, 320};
  test::expect_error(ErrorCode::Unsupported, "class token", [&] { identify_model(shapes); });
  test::expect_error(ErrorCode::Unsupported, "2 tensors", [] {
    identify_model({{"conv.weight", {1}}, {"conv.bias", {1}}});
  });
  test::expect_error(ErrorCode::NotFound, "uniformer_tiny", [] { find_model("uniformer_tiny"); });
}

TEST(BuildUniFormer, RefusesSizesThatStridesDoNotDivide) {
  RandomWeights weights;
  ModelOptions options;
  options.height = 230;
  test::expect_error(ErrorCode::InvalidArgument, "height 230 is no multiple of 32",
                     [&] { build_uniformer(find_model("uniformer_small"), options, weights); });
}

TEST(BuildUniFormer, RefusesImagesOfTooFewTokensToPrune) {
  RandomWeights weights;
  ModelOptions options;
  options.width = 32;
  test::expect_error(ErrorCode::InvalidArgument, "width 32 of uniformer_xxs, expected at least 64",
                     [&] { build_uniformer(find_model("uniformer_xxs"), options, weights); });
  options.width = 64;
  const Graph graph = build_uniformer(find_model("uniformer_xxs"), options, weights);
  EXPECT_EQ(graph.inputs[0].dims[2].min, 64);
  EXPECT_EQ(graph.inputs[0].dims[3].multiple, 32);
}

TEST(ArchParams, AreReadFromText) {
  EXPECT_EQ(parse_arch_params("head_dim=32"), (ArchParams{{"head_dim", 32}}));
  EXPECT_EQ(parse_arch_params("a=1,b=-2"), (ArchParams{{"a", 1}, {"b", -2}}));
  EXPECT_TRUE(parse_arch_params("").empty());
  for (const char* bad : {"head_dim", "head_dim=", "=3", "head_dim=3x", ",", "a=1,,b=2"})
    test::expect_error(ErrorCode::InvalidArgument, "expected a parameter of the architecture",
                       [&] { parse_arch_params(bad); });
}

}  // namespace
}  // namespace vitro
