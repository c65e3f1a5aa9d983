// Accuracy and classes of an ONNX model, as of the checkpoint that it was made from.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "core/file_io.h"
#include "formats/onnx_writer.h"

namespace vitro::test {
namespace {

namespace fs = std::filesystem;

/// The shipped model as ONNX, in a folder of its own.
const fs::path& exported() {
  static const fs::path path = [] {
    const fs::path folder = scratch_file("onnx_eval");
    fs::create_directory(folder);
    const fs::path file = folder / "uniformer.onnx";
    const ProcessResult result = run_vitro({"export", checkpoint(), "-o", file});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return file;
  }();
  return path;
}

/// The same without what it says of pictures and classes, as exporters of PyTorch leave it.
fs::path without_metadata(const std::string& folder) {
  const fs::path file = fs::path(scratch_file(folder)) / "model.onnx";
  fs::create_directory(file.parent_path());
  const std::string bytes = read_text(exported());
  onnx::Model model = onnx::parse_model(std::as_bytes(std::span(bytes)), "model");
  model.metadata.clear();
  write_file_atomic(file, onnx::encode_model(model, "model.onnx.data").bytes);
  return file;
}

nlohmann::json evaluated(const fs::path& model, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"eval",    model, model_file("tiny200_val"),
                                     "--limit", "12",  "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? result.json() : nlohmann::json();
}

nlohmann::json classified(const fs::path& model, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"classify", model,
                                     VITRO_SOURCE_DIR "/models/photos/coffee.png", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? result.json() : nlohmann::json();
}

/// What a user looks at.
std::vector<std::string> answers(const nlohmann::json& json) {
  std::vector<std::string> labels;
  for (const auto& prediction : json["images"][0]["predictions"])
    labels.push_back(prediction["label"]);
  return labels;
}

TEST(CliOnnxEval, IsAsGoodAsTheCheckpoint) {
  const nlohmann::json expected = evaluated(checkpoint()), json = evaluated(exported());
  for (const char* key : {"images", "top1", "top5", "class_order", "preprocessing"})
    EXPECT_EQ(json[key], expected[key]) << key;
  EXPECT_EQ(answers(classified(exported())), answers(classified(checkpoint())));
}

TEST(CliOnnxEval, TakesWhatAConfigBesideItSays) {
  const fs::path model = without_metadata("onnx_with_config");
  fs::copy_file(model_file("uniformer_small_tiny200.config.json"),
                model.parent_path() / "config.json");
  const nlohmann::json expected = evaluated(checkpoint()), json = evaluated(model);
  EXPECT_EQ(json["top1"], expected["top1"]);
  EXPECT_EQ(json["preprocessing"], expected["preprocessing"]);
  EXPECT_EQ(json["class_order"], "model");
  EXPECT_EQ(answers(classified(model)), answers(classified(checkpoint())));
}

TEST(CliOnnxEval, TakesFlagsWhereNothingIsSaid) {
  const fs::path model = without_metadata("onnx_with_flags");
  const std::vector<std::string> flags{"--crop-pct",      "1",
                                       "--interpolation", "bicubic",
                                       "--mean",          "0.485,0.456,0.406",
                                       "--std",           "0.229,0.224,0.225",
                                       "--labels",        model_file("tiny200_classes.txt")};
  const nlohmann::json expected = evaluated(checkpoint()), json = evaluated(model, flags);
  EXPECT_EQ(json["top1"], expected["top1"]);
  EXPECT_EQ(json["preprocessing"], expected["preprocessing"]);
  EXPECT_EQ(answers(classified(model, flags)), answers(classified(checkpoint())));
  // Without them they are guessed, and said to be.
  const ProcessResult guessed =
      run_vitro({"classify", model, VITRO_SOURCE_DIR "/models/photos/coffee.png"});
  EXPECT_EQ(guessed.exit_code, 0);
  EXPECT_NE(guessed.err.find("preprocessing is guessed"), std::string::npos) << guessed.err;
}

}  // namespace
}  // namespace vitro::test
