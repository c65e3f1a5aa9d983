// Where preprocessing and labels come from: a file, the checkpoint, flags, defaults.
#include <gtest/gtest.h>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A folder with the shipped weights and nothing that tells of them.
std::string bare_checkpoint() {
  static const std::string path = [] {
    std::filesystem::create_directories(scratch() / "bare");
    std::string bytes = read_text(checkpoint());
    for (const std::string key : {"architecture", "num_classes", "pretrained_cfg"})
      bytes.replace(bytes.find("\"" + key + "\""), 2, "\"-");  // no key that anybody reads
    write_scratch("bare/model.safetensors", bytes);
    return scratch_file("bare/model.safetensors");
  }();
  std::filesystem::remove(scratch() / "bare/config.json");
  return path;
}

std::string with_config(const std::string& json) {
  const std::string model = bare_checkpoint();
  write_scratch("bare/config.json", json);
  return model;
}

nlohmann::json inspect(const std::string& model) {
  const ProcessResult result = run_vitro({"inspect", model, "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? result.json() : nlohmann::json();
}

/// The first class of a photo and its probability.
nlohmann::json first_class(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "classify");
  arguments.insert(arguments.end(), {model_file("photos/chelsea.png"), "--top", "1", "--json"});
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? result.json()["images"][0]["predictions"][0] : nlohmann::json();
}

TEST(CliSettings, WhatIsGuessedIsSaid) {
  const std::string model = bare_checkpoint();
  const std::string saved = scratch_file("guessed.plan");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"build", model, "-o", saved},
        {"classify", model, model_file("photos/chelsea.png")},
        {"classify", saved, model_file("photos/chelsea.png")},
        {"eval", saved, model_file("tiny200_val"), "--limit", "1"}}) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(contains(result.err,
                         "warning: preprocessing is guessed where nothing says it: 224x224 "
                         "pixels, crop_pct 0.875"))
        << arguments[0] << ": " << result.err;
  }
  const ProcessResult text = run_vitro({"inspect", saved});
  EXPECT_EQ(text.err, "") << "no picture is prepared";
  EXPECT_TRUE(contains(text.out, "crop 0.875               default")) << text.out;
  EXPECT_TRUE(contains(text.out, "note           preprocessing is guessed")) << text.out;
  const nlohmann::json json = inspect(model);
  EXPECT_EQ(json["origins"]["mean"], "default");
  EXPECT_EQ(json["origins"]["labels"], "none");
  EXPECT_EQ(json["notes"].size(), 1u);
  EXPECT_EQ(inspect(checkpoint())["notes"].size(), 0u);
  EXPECT_EQ(inspect(checkpoint())["origins"]["labels"],
            "uniformer_small_tiny200.config.json: label_names");
}

TEST(CliSettings, OriginsAreInThePlan) {
  const nlohmann::json json = inspect(small_plan());
  EXPECT_EQ(json["origins"]["size"], "flag");
  EXPECT_EQ(json["origins"]["std"], "uniformer_small_tiny200.config.json: pretrained_cfg.std");
}

TEST(CliSettings, TheTestSizeOfTimmCounts) {
  const nlohmann::json json = inspect(with_config(
      R"({"architecture": "uniformer_small", "pretrained_cfg": {"input_size": [3, 224, 224],
          "crop_pct": 0.875, "test_input_size": [3, 256, 256], "test_crop_pct": 1.0}})"));
  EXPECT_EQ(json["preprocessing"]["height"], 256);
  EXPECT_EQ(json["preprocessing"]["crop_pct"], 1.0);
  EXPECT_EQ(json["inputs"][0]["shape"], (std::vector<int>{1, 3, 256, 256}));
  EXPECT_EQ(json["origins"]["size"], "config.json: pretrained_cfg.test_input_size");
}

TEST(CliSettings, AFlagIsWorthAsMuchAsAFile) {
  const std::vector<std::string> flags{"--img-size",  "64",     "--crop-pct",      "0.9",
                                       "--crop-mode", "squash", "--interpolation", "bilinear",
                                       "--mean",      "0.5",    "--std",           "0.25,0.5,0.25"};
  const nlohmann::json from_file = first_class({with_config(
      R"({"input_size": [3, 64, 64], "crop_pct": 0.9, "crop_mode": "squash", "interpolation":
          "bilinear", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 0.25]})")});
  std::vector<std::string> arguments{bare_checkpoint()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  EXPECT_EQ(first_class(arguments), from_file);
  arguments[0] = plan();
  const nlohmann::json from_plan = first_class(arguments);
  EXPECT_EQ(from_plan["class"], from_file["class"]);
  EXPECT_EQ(from_plan["probability"], from_file["probability"]) << "a plan takes flags too";
  EXPECT_NE(first_class({plan()})["probability"], from_file["probability"]);

  arguments[0] = model_file("tiny200_val");
  arguments.insert(arguments.begin(), {"eval", plan()});
  arguments.insert(arguments.end(), {"--limit", "3", "--json"});
  const ProcessResult result = run_vitro(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"size", "crop_pct", "crop_mode", "interpolation", "mean", "std"})
    EXPECT_EQ(result.json()["origins"][part], "flag") << part;
  EXPECT_EQ(result.json()["preprocessing"]["width"], 64);
}

TEST(CliSettings, AFlagTakesThePlaceOfWhatIsNotSupported) {
  const std::string model = with_config(R"({"interpolation": "nearest", "crop_pct": 1.0})");
  const ProcessResult refused = run_vitro({"inspect", model});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "hint: --interpolation takes its place")) << refused.err;
  EXPECT_FALSE(first_class({model, "--interpolation", "bilinear"}).is_null());
}

TEST(CliSettings, LabelsComeFromAFile) {
  std::string list = "index,name\n";
  for (int i = 0; i < 200; ++i)
    list += std::to_string(199 - i) + ",kind " + std::to_string(i) + "\n";
  const std::string file = write_scratch("kinds.csv", list);
  const nlohmann::json expected = first_class({plan()});
  const nlohmann::json named = first_class({plan(), "--labels", file});
  EXPECT_EQ(named["class"], expected["class"]);
  EXPECT_EQ(named["label"], "kind " + std::to_string(199 - expected["class"].get<int>()));
  const std::string output = scratch_file("labels.plan");
  const ProcessResult built =
      run_vitro({"build", checkpoint(), "-o", output, "--labels", file, "--json"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_EQ(built.json()["origins"]["labels"], "flag");
  EXPECT_EQ(first_class({output}), named);
  const ProcessResult turned = run_vitro(
      {"classify", output, model_file("photos/chelsea.png"), "--labels",
       write_scratch("turned.csv", list.replace(list.find("199,kind 0"), 10, "198,kind 0")
                                       .replace(list.find("198,kind 1\n"), 10, "199,kind 1"))});
  EXPECT_TRUE(contains(turned.err, "2 of 200 common names stand elsewhere")) << turned.err;
  const ProcessResult wrong = run_vitro({"classify", plan(), model_file("photos/chelsea.png"),
                                         "--labels", write_scratch("two.txt", "cat\ndog\n")});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_TRUE(contains(wrong.err, "two.txt' has 2 classes, the model 200")) << wrong.err;
}

TEST(CliSettings, RefusesValuesThatMakeNoSense) {
  const auto refuse = [](const std::vector<std::string>& flags, const std::string& text) {
    for (const char* verb : {"classify", "eval", "build"}) {
      std::vector<std::string> arguments{verb, "m.plan", "-o", "x"};
      if (std::string(verb) != "build") arguments = {verb, "m.plan", "x"};
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      const ProcessResult result = run_vitro(arguments);
      EXPECT_EQ(result.exit_code, 2) << result.err;
      EXPECT_TRUE(contains(result.err, text)) << text << " in " << result.err;
    }
  };
  refuse({"--crop-pct", "87.5"}, "--crop-pct: got '87.5', expected a number from 0.01 to 1");
  refuse({"--mean", "123.675,116.28,103.53"}, "--mean: got '123.675,116.28,103.53', expected");
  refuse({"--std", "0,0,0"}, "--std: got '0,0,0'");
  refuse({"--mean", "0.5,0.5"}, "expected R,G,B or one number for all");
  refuse({"--interpolation", "nearest"}, "got 'nearest', expected bilinear|bicubic|lanczos");
  refuse({"--crop-mode", "five"}, "got 'five', expected center|squash|border");
  refuse({"--img-size", "0"}, "got '0', expected N or");
}

}  // namespace
}  // namespace vitro::test
