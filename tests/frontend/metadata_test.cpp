#include "frontend/checkpoint/metadata.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

using test::expect_error;

ModelMetadata parse(const std::string& json, const std::set<std::string>& decided = {}) {
  return parse_model_config(json, {"config.json", "file"}, decided);
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

void expect_refused(ErrorCode code, const std::string& text, const std::string& json) {
  SCOPED_TRACE(json);
  expect_error(code, text, [&] { parse(json); });
  expect_error(code, "config.json", [&] { parse(json); });
}

TEST(Metadata, ReadsTimmsLayout) {
  const ModelMetadata metadata = parse(R"({
    "architecture": "uniformer_small", "num_classes": 2, "global_pool": "avg",
    "pretrained_cfg": {"input_size": [3, 288, 352], "crop_pct": 0.95, "crop_mode": "border",
      "interpolation": "lanczos", "mean": [0.5, 0.25, 0.125], "std": [1, 0.5, 0.25],
      "architecture": "other", "num_classes": 7, "url": null},
    "label_names": ["n01", "n02"], "label_descriptions": {"n02": "cat", "n09": "dog"}})");
  EXPECT_EQ(metadata.architecture, "uniformer_small");
  EXPECT_EQ(metadata.num_classes, 2);
  EXPECT_EQ(metadata.label_ids, (std::vector<std::string>{"n01", "n02"}));
  EXPECT_EQ(metadata.labels, (std::vector<std::string>{"n01", "cat"}));
  EXPECT_EQ(metadata.source_path, "config.json");
  EXPECT_EQ(metadata.preprocessing, (Preprocessing{352,
                                                   288,
                                                   0.95,
                                                   CropMode::Border,
                                                   Interpolation::Lanczos,
                                                   {0.5f, 0.25f, 0.125f},
                                                   {1.0f, 0.5f, 0.25f}}));
}

TEST(Metadata, ReadsTheFlatLayoutOfOldTimm) {
  const ModelMetadata metadata = parse(
      R"({"architecture": "uniformer_base", "num_classes": 10, "crop_pct": 0.9,
          "interpolation": "bilinear", "input_size": [3, 384, 384]})");
  EXPECT_EQ(metadata.num_classes, 10);
  EXPECT_EQ(metadata.preprocessing.height, 384);
  EXPECT_EQ(metadata.preprocessing.crop_pct, 0.9);
  EXPECT_EQ(metadata.preprocessing.interpolation, Interpolation::Bilinear);
  EXPECT_EQ(metadata.preprocessing.crop_mode, CropMode::Center);
}

TEST(Metadata, NestedNamesServeWhereTheTopLevelHasNone) {
  const ModelMetadata metadata =
      parse(R"({"pretrained_cfg": {"architecture": "uniformer_base", "num_classes": 5}})");
  EXPECT_EQ(metadata.architecture, "uniformer_base");
  EXPECT_EQ(metadata.num_classes, 5);
  EXPECT_TRUE(metadata.origins.empty());
}

TEST(Metadata, TheTransformOfPretrainedCfgCounts) {
  const ModelMetadata metadata =
      parse(R"({"crop_pct": 0.5, "pretrained_cfg": {"crop_pct": 0.75}})");
  EXPECT_EQ(metadata.preprocessing.crop_pct, 0.75);
}

TEST(Metadata, TheTestSizeAndCropCountAsInTimmsValidate) {
  const ModelMetadata metadata = parse(
      R"({"input_size": [3, 64, 64], "test_crop_pct": 0.5, "pretrained_cfg": {
          "input_size": [3, 224, 224], "test_input_size": [3, 256, 288], "crop_pct": 0.875,
          "test_crop_pct": 1.0}})");
  EXPECT_EQ(metadata.preprocessing.height, 256);
  EXPECT_EQ(metadata.preprocessing.width, 288);
  EXPECT_EQ(metadata.preprocessing.crop_pct, 1.0);
  EXPECT_EQ(metadata.origins.at("size"), "file: pretrained_cfg.test_input_size");
  EXPECT_EQ(metadata.origins.at("crop_pct"), "file: pretrained_cfg.test_crop_pct");
  EXPECT_TRUE(metadata.notes.empty()) << joined(metadata.notes);
  // What is null is not there, and pretrained_cfg comes before the top level.
  const ModelMetadata nulls = parse(
      R"({"test_crop_pct": 0.5, "pretrained_cfg": {"test_input_size": null, "crop_pct": 0.9}})");
  EXPECT_EQ(nulls.preprocessing.crop_pct, 0.9);
  EXPECT_EQ(nulls.preprocessing.height, 224);
  EXPECT_FALSE(nulls.origins.contains("size"));
}

TEST(Metadata, SaysWhereEachPartStands) {
  const Origins origins = parse(R"({"interpolation": "bilinear", "label_names": ["a"],
      "pretrained_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1], "crop_mode": "squash"}})")
                              .origins;
  EXPECT_EQ(origins, (Origins{{"interpolation", "file: interpolation"},
                              {"labels", "file: label_names"},
                              {"mean", "file: pretrained_cfg.mean"},
                              {"std", "file: pretrained_cfg.std"},
                              {"crop_mode", "file: pretrained_cfg.crop_mode"}}));
}

TEST(Metadata, WhatChangesTheAnswerAndIsNotDoneIsNoted) {
  for (const char* json :
       {R"({"global_pool": "max"})", R"({"global_pool": ""})", R"({"global_pool": "token"})",
        R"({"pretrained_cfg": {"global_pool": "avgmax"}})", R"({"model_args": {"depth": 3}})",
        R"({"pretrained_cfg": {"label_offset": 1}})", R"({"in_chans": 1})",
        R"({"pretrained_cfg": {"gamma": 2.2}})"}) {
    const ModelMetadata metadata = parse(json);
    EXPECT_EQ(metadata.notes.size(), 1u) << json << joined(metadata.notes);
    EXPECT_NE(joined(metadata.notes).find("not understood"), std::string::npos);
  }
  const ModelMetadata headless = parse(R"({"pretrained_cfg": {"num_classes": 0}})");
  EXPECT_NE(joined(headless.notes).find("a model without a head"), std::string::npos);
  const ModelMetadata usual = parse(
      R"({"global_pool": "avg", "num_features": 512, "model_args": {}, "pretrained_cfg": {
          "url": "https://", "hf_hub_id": "a/b", "tag": "in1k", "custom_load": false,
          "pool_size": [7, 7], "first_conv": "patch_embed1.proj", "classifier": "head",
          "license": "mit", "label_offset": 0, "fixed_input_size": false, "min_input_size": null,
          "notes": ["x"], "paper_ids": "arXiv:2201.09450", "num_classes": 1000}})");
  EXPECT_TRUE(usual.notes.empty()) << joined(usual.notes);
}

TEST(Metadata, SizesThatAreFixedOrLeast) {
  const ModelMetadata metadata = parse(
      R"({"pretrained_cfg": {"input_size": [3, 224, 256], "test_input_size": [3, 288, 288],
          "fixed_input_size": true, "min_input_size": [3, 64, 96]}})");
  EXPECT_EQ(metadata.fixed_size, (std::array{224, 256}));
  EXPECT_EQ(metadata.min_size, (std::array{64, 96}));
  expect_refused(ErrorCode::CorruptFile, "fixed_input_size", R"({"fixed_input_size": 1})");
}

TEST(Metadata, WhatIsDecidedIsNotRead) {
  EXPECT_EQ(parse(R"({"interpolation": "nearest", "crop_pct": 0.9})", {"interpolation"})
                .preprocessing.crop_pct,
            0.9);
}

TEST(Metadata, DefaultIsResize256Crop224) {
  const Preprocessing preprocessing = default_preprocessing();
  EXPECT_EQ(preprocessing.width, 224);
  EXPECT_EQ(preprocessing.height, 224);
  EXPECT_EQ(preprocessing.interpolation, Interpolation::Bicubic);
  EXPECT_EQ(preprocessing.mean, (std::array{0.485f, 0.456f, 0.406f}));
  EXPECT_EQ(preprocessing.std, (std::array{0.229f, 0.224f, 0.225f}));
  // Resize(int(256 / 224 * size)) of the papers' evaluation, for every size a model can take.
  for (int size = 32; size <= 2048; size += 32)
    EXPECT_EQ(static_cast<int>(size / preprocessing.crop_pct),
              static_cast<int>(256.0 / 224.0 * size));
}

TEST(Metadata, RefusesWhatIsNoJson) {
  expect_refused(ErrorCode::CorruptFile, "not valid JSON", "");
  expect_refused(ErrorCode::CorruptFile, "not valid JSON", "{\"architecture\": ");
  expect_refused(ErrorCode::CorruptFile, "not valid JSON", "{\"crop_pct\": 1e999}");
  expect_refused(ErrorCode::CorruptFile, "expected an object", "[1]");
  expect_refused(ErrorCode::CorruptFile, "not valid JSON", std::string(1'000'000, '['));
}

TEST(Metadata, RefusesValuesOfTheWrongType) {
  const ErrorCode code = ErrorCode::CorruptFile;
  expect_refused(code, "architecture: got a JSON number", R"({"architecture": 3})");
  expect_refused(code, "num_classes: got a JSON string", R"({"num_classes": "ten"})");
  expect_refused(code, "num_classes", R"({"num_classes": 1.5})");
  expect_refused(code, "pretrained_cfg: got a JSON array", R"({"pretrained_cfg": []})");
  expect_refused(code, "pretrained_cfg.input_size", R"({"pretrained_cfg": {"input_size": 224}})");
  expect_refused(code, "input_size[1]", R"({"input_size": [3, "224", 224]})");
  expect_refused(code, "mean[2]", R"({"mean": [0, 0, {}]})");
  expect_refused(code, "interpolation", R"({"interpolation": 3})");
  expect_refused(code, "label_names", R"({"label_names": {"0": "cat"}})");
  expect_refused(code, "label_names", R"({"label_names": [0, 1]})");
  expect_refused(code, "label_descriptions", R"({"label_names": ["a"], "label_descriptions": []})");
  expect_refused(code, "label_descriptions.a",
                 R"({"label_names": ["a"], "label_descriptions": {"a": 1}})");
}

TEST(Metadata, RefusesNonsense) {
  const ErrorCode code = ErrorCode::InvalidArgument;
  expect_refused(code, "num_classes: got 1000000000", R"({"num_classes": 1000000000})");
  expect_refused(code, "num_classes", R"({"num_classes": 18446744073709551615})");
  expect_refused(code, "num_classes: got -1", R"({"num_classes": -1})");
  expect_refused(code, "crop_pct: got 0", R"({"crop_pct": 0})");
  expect_refused(code, "crop_pct: got -1", R"({"crop_pct": -1})");
  expect_refused(code, "crop_pct: got 87.5", R"({"crop_pct": 87.5})");
  expect_refused(code, "input_size[1]: got -224", R"({"input_size": [3, -224, 224]})");
  expect_refused(code, "input_size[2]", R"({"input_size": [3, 224, 1000000]})");
  expect_refused(code, "input_size: got 2 numbers", R"({"input_size": [224, 224]})");
  expect_refused(code, "std[1]: got 0", R"({"std": [0.2, 0, 0.2]})");
  expect_refused(code, "mean[0]: got 123.675", R"({"mean": [123.675, 116.28, 103.53]})");
  expect_refused(code, "architecture", "{\"architecture\": \"" + std::string(5000, 'a') + "\"}");
}

TEST(Metadata, RefusesTransformsItDoesNotHave) {
  const ErrorCode code = ErrorCode::Unsupported;
  expect_refused(code, "interpolation 'nearest' is not supported, expected bilinear",
                 R"({"interpolation": "nearest"})");
  expect_refused(code, "pretrained_cfg.crop_mode 'five'",
                 R"({"pretrained_cfg": {"crop_mode": "five"}})");
  expect_refused(code, "1 channels", R"({"input_size": [1, 224, 224]})");
}

class MetadataFilesTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& json) {
    std::ofstream(folder_ / name) << json;
  }
  ModelMetadata read(const std::map<std::string, std::string>& embedded = {},
                     int64_t num_classes = 0) {
    return read_model_metadata(folder_ / "model.safetensors", embedded, num_classes);
  }

  test::TemporaryDirectory folder_;
};

TEST_F(MetadataFilesTest, NoneAtAll) {
  const ModelMetadata metadata = read({{"format", "pt"}});
  EXPECT_TRUE(metadata.architecture.empty());
  EXPECT_TRUE(metadata.source_path.empty());
  EXPECT_TRUE(metadata.origins.empty());
}

TEST_F(MetadataFilesTest, EmbeddedFlatKeys) {
  const ModelMetadata metadata = read({{"architecture", "uniformer_small"},
                                       {"num_classes", "200"},
                                       {"top1", "67.60"},
                                       {"interpolation", "bilinear"},
                                       {"pretrained_cfg", R"({"crop_pct": 1.0})"},
                                       {"global_pool", "max"},
                                       {"label_names", R"(["a"])"}});
  EXPECT_EQ(metadata.notes.size(), 1u) << joined(metadata.notes);
  EXPECT_EQ(metadata.architecture, "uniformer_small");
  EXPECT_EQ(metadata.num_classes, 200);
  EXPECT_EQ(metadata.labels, std::vector<std::string>{"a"});
  EXPECT_EQ(metadata.preprocessing.crop_pct, 1.0);
  EXPECT_EQ(metadata.preprocessing.interpolation, Interpolation::Bilinear);
  EXPECT_NE(metadata.source_path.find("model.safetensors: __metadata__"), std::string::npos);
}

TEST_F(MetadataFilesTest, EmbeddedJson) {
  EXPECT_EQ(read({{"config", R"({"num_classes": 3})"}}).num_classes, 3);
  expect_error(ErrorCode::CorruptFile, "__metadata__: config", [&] { read({{"config", "{"}}); });
  expect_error(ErrorCode::CorruptFile, "__metadata__: num_classes", [&] {
    read({{"num_classes", "many"}});
  });
}

TEST_F(MetadataFilesTest, FilesBesideTheCheckpointComeFirst) {
  const std::map<std::string, std::string> embedded{{"num_classes", "1"}};
  EXPECT_EQ(read(embedded).num_classes, 1);
  write("config.json", R"({"num_classes": 2})");
  EXPECT_EQ(read(embedded).num_classes, 2);
  write("model.config.json", R"({"num_classes": 3})");
  EXPECT_EQ(read(embedded).num_classes, 3);
  EXPECT_EQ(read(embedded).source_path, (folder_ / "model.config.json").string());
}

TEST_F(MetadataFilesTest, AForeignConfigIsPassedOver) {
  write("config.json", R"({"model_type": "vit", "hidden_size": 768})");
  const ModelMetadata metadata = read({{"num_classes", "1"}, {"crop_pct", "0.5"}});
  EXPECT_EQ(metadata.num_classes, 1);
  EXPECT_EQ(metadata.origins.at("crop_pct"), "metadata: crop_pct");
  const std::string notes = joined(metadata.notes);
  EXPECT_NE(notes.find("config.json: nothing is taken from it"), std::string::npos) << notes;
  EXPECT_NE(notes.find("hidden_size, model_type"), std::string::npos) << notes;
}

TEST_F(MetadataFilesTest, AConfigOfAnotherModelIsPassedOver) {
  const std::string config =
      R"({"architecture": "vit_tiny_patch16_224", "num_classes": 1000, "mean": [0.5, 0.5, 0.5]})";
  write("config.json", config);
  const ModelMetadata metadata = read({{"crop_pct", "1.0"}}, 200);
  EXPECT_EQ(metadata.origins, (Origins{{"crop_pct", "metadata: crop_pct"}}));
  EXPECT_NE(joined(metadata.notes).find("'vit_tiny_patch16_224' with 1000 classes, the weights"),
            std::string::npos);
  EXPECT_EQ(read({}, 1000).origins.at("mean"), "config.json: mean") << "one of them may be right";
  write("config.json", R"({"architecture": "uniformer_small.in1k", "num_classes": 1000,
                           "mean": [0.5, 0.5, 0.5]})");
  EXPECT_EQ(read({}, 200).origins.at("mean"), "config.json: mean") << "fine-tuned from it";
  write("model.config.json", config);
  EXPECT_EQ(read({}, 200).origins.at("mean"), "model.config.json: mean") << "has the model's name";
}

TEST_F(MetadataFilesTest, MetadataInTheCheckpointThatContradictsIsNoted) {
  const std::map<std::string, std::string> embedded{{"architecture", "uniformer_small"},
                                                    {"pretrained_cfg", R"({"crop_pct": 1.0})"}};
  write("config.json",
        R"({"architecture": "uniformer_small", "crop_pct": 1.0, "mean": [0, 0, 0]})");
  EXPECT_TRUE(read(embedded).notes.empty()) << joined(read(embedded).notes);
  write("config.json", R"({"architecture": "uniformer_base", "crop_pct": 0.9})");
  const std::string notes = joined(read(embedded).notes);
  EXPECT_NE(notes.find("which says otherwise of architecture, crop_pct"), std::string::npos)
      << notes;
  EXPECT_TRUE(read({{"config", "no JSON"}}).notes.empty()) << "what is not taken may be wrong";
}

}  // namespace
}  // namespace vitro
