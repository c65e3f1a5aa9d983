// A plan that says nothing of classes and pictures: all verbs but two run it.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::test {
namespace {

const std::string& plain_plan() {
  static const std::string path = [] {
    auto data = std::make_shared<PlanData>(Internals::data(load(small_plan())));
    data->info.classifier.reset();
    const std::string file = scratch_file("plain.plan");
    save(Internals::plan(std::move(data)), file);
    return file;
  }();
  return path;
}

nlohmann::json json_of(const std::vector<std::string>& arguments) {
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << arguments.front() << ": " << result.err;
  return result.exit_code == 0 ? result.json() : nlohmann::json();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CliNoClassifier, InspectShowsInputsAndOutputs) {
  const nlohmann::json json = json_of({"inspect", plain_plan(), "--memory", "--json"});
  for (const char* key : {"classes", "labels", "preprocessing"})
    EXPECT_TRUE(json[key].is_null()) << key;
  EXPECT_EQ(json["inputs"][0]["shape"], (Dims{1, 3, 64, 64}));
  EXPECT_EQ(json["outputs"][0]["shape"], (Dims{1, 200}));
  EXPECT_EQ(json["memory"]["shape"], (Dims{1, 3, 64, 64}));
  const ProcessResult text = run_vitro({"inspect", plain_plan()});
  EXPECT_TRUE(contains(text.out, "none: not a classifier")) << text.out;
}

TEST(CliNoClassifier, RunGivesTheSameOutput) {
  const std::string input = scratch_file("plain_x.npy");
  write_npy(input, Tensor({2, 3, 64, 96}));
  std::string outputs[2];
  for (int i = 0; i < 2; ++i) {
    const std::string output = scratch_file("plain_y.npy");
    json_of({"run", i == 0 ? plain_plan() : small_plan(), "-i", input, "-o", output, "--json"});
    outputs[i] = read_text(output);
  }
  EXPECT_FALSE(outputs[0].empty());
  EXPECT_TRUE(outputs[0] == outputs[1]);
}

TEST(CliNoClassifier, IsMeasured) {
  const nlohmann::json rows = json_of(
      {"bench", plain_plan(), "--iterations", "1", "--warmup", "1", "--batch", "2", "--json"});
  EXPECT_EQ(rows[0]["shape"], (Dims{2, 3, 64, 64}));
  const nlohmann::json profile =
      json_of({"profile", plain_plan(), "--iterations", "2", "--size", "32", "--json"});
  EXPECT_EQ(profile["shape"], (Dims{1, 3, 32, 32}));
}

TEST(CliNoClassifier, IsTuned) {
  const std::string output = scratch_file("plain_tuned.plan");
  const nlohmann::json built = json_of({"build", plain_plan(), "-o", output, "--tune",
                                        "--time-budget", "0.5", "--threads", "1", "--json"});
  EXPECT_TRUE(built["classes"].is_null());
  std::filesystem::remove(output);
}

TEST(CliNoClassifier, IsComparedWithoutClasses) {
  const nlohmann::json json =
      json_of({"compare", plain_plan(), small_plan(), "--no-latency", "--json"});
  EXPECT_EQ(json["outputs"]["nmse"], 0);
  EXPECT_TRUE(json["outputs"]["same_class"].is_null());
  EXPECT_EQ(json["plan_differences"].size(), 3u);  // classes, labels, preprocessing
  const ProcessResult text = run_vitro({"compare", plain_plan(), small_plan(), "--no-latency"});
  EXPECT_TRUE(contains(text.out, "outputs: nmse 0, max error 0")) << text.out;
  EXPECT_FALSE(contains(text.out, "first class")) << text.out;
}

TEST(CliNoClassifier, WhatNeedsClassesOrPicturesRefusesWithAHint) {
  const std::string picture = model_file("photos/coffee.png");
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"classify", plain_plan(), picture},
           {"eval", plain_plan(), model_file("tiny200_val")},
           {"compare", plain_plan(), small_plan(), "--input", picture}}) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments.front();
    EXPECT_TRUE(contains(result.err, "is not a classifier: its plan has no classes and no"))
        << result.err;
    EXPECT_TRUE(contains(result.err, "hint: give it a tensor: vitro run")) << result.err;
    EXPECT_TRUE(result.out.empty()) << result.out;
  }
}

}  // namespace
}  // namespace vitro::test
