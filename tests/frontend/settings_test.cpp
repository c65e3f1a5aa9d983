#include "frontend/checkpoint/settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"

namespace vitro {
namespace {

using test::expect_error;

ModelMetadata config(const std::string& json) {
  return parse_model_config(json, {"config.json", "config.json"});
}

struct Made {
  Classifier classifier;
  std::vector<std::string> notes;

  std::string text() const {
    std::string all;
    for (const std::string& note : notes) all += note + "\n";
    return all;
  }
  std::string guess() const { return guess_note(classifier).value_or(""); }
  bool says(const std::string& part) const { return text().find(part) != std::string::npos; }
};

Made make(const ModelMetadata& metadata, const ClassifierChoices& choices = {}) {
  Made made;
  made.classifier = make_classifier(3, metadata, choices, made.notes);
  return made;
}

TEST(Settings, WithoutMetadataEverythingIsSaidToBeGuessed) {
  const Made made = make({});
  EXPECT_TRUE(made.notes.empty()) << made.text();
  const std::string guess = made.guess();
  for (const char* part : {"guessed", "224x224", "crop_pct 0.875", "crop_mode center", "bicubic",
                           "mean 0.485 0.456 0.406", "std 0.229 0.224 0.225", "config.json"})
    EXPECT_NE(guess.find(part), std::string::npos) << part << " in " << guess;
  for (const char* part : {"size", "crop_pct", "crop_mode", "interpolation", "mean", "std"})
    EXPECT_EQ(made.classifier.origins.at(part), "default") << part;
  EXPECT_EQ(made.classifier.origins.at("labels"), "none");
}

TEST(Settings, OnlyWhatTheMetadataLacksIsGuessed) {
  const Made made = make(
      config(R"({"input_size": [3, 224, 224], "interpolation": "bicubic", "std": [1, 1, 1]})"));
  const std::string guess = made.guess();
  EXPECT_NE(guess.find("says it: crop_pct 0.875, crop_mode center, mean 0.485"), std::string::npos)
      << guess;
  EXPECT_EQ(guess.find("bicubic"), std::string::npos) << guess;
  EXPECT_EQ(made.classifier.origins.at("std"), "config.json: std");
  EXPECT_EQ(made.classifier.origins.at("mean"), "default");
}

TEST(Settings, TimmLeavesTheUsualCropModeOut) {
  const Made made = make(config(R"({"input_size": [3, 224, 224], "interpolation": "bicubic",
      "crop_pct": 1, "mean": [0, 0, 0], "std": [1, 1, 1]})"));
  EXPECT_EQ(made.guess(), "");
  EXPECT_EQ(made.classifier.origins.at("crop_mode"), "default");
}

TEST(Settings, ChoicesComeFirstAndAreNoGuess) {
  ClassifierChoices choices;
  choices.height = choices.width = 256;
  choices.preprocessing = {1.0, CropMode::Squash, Interpolation::Lanczos,
                           std::array{0.5f, 0.5f, 0.5f}, std::array{0.25f, 0.25f, 0.25f}};
  const Made made = make(config(R"({"crop_pct": 0.9})"), choices);
  EXPECT_EQ(made.guess(), "");
  EXPECT_EQ(made.classifier.preprocessing, (Preprocessing{256,
                                                          256,
                                                          1.0,
                                                          CropMode::Squash,
                                                          Interpolation::Lanczos,
                                                          {0.5f, 0.5f, 0.5f},
                                                          {0.25f, 0.25f, 0.25f}}));
  for (const char* part : {"size", "crop_pct", "crop_mode", "interpolation", "mean", "std"})
    EXPECT_EQ(made.classifier.origins.at(part), "flag") << part;
  EXPECT_EQ(decided_parts(choices).size(), 6u);
}

TEST(Settings, AChoiceForAMadeClassifierTakesItsGuessBack) {
  Made made = make({});
  ClassifierChoices choices;
  choices.preprocessing.crop_pct = 1.0;
  apply_choices(made.classifier, choices, made.notes);
  const std::string guess = made.guess();
  EXPECT_EQ(guess.find("crop_pct 0.875"), std::string::npos) << guess;
  EXPECT_NE(guess.find("mean 0.485"), std::string::npos) << guess;
}

TEST(Settings, RefusesChoicesThatMakeNoSense) {
  const auto refuse = [](const char* text, const PreprocessingChoices& preprocessing) {
    expect_error(ErrorCode::InvalidArgument, text,
                 [&] { make({}, {.preprocessing = preprocessing}); });
  };
  refuse("crop_pct is 87.5, expected 0.01 to 1", {.crop_pct = 87.5});
  refuse("mean is 123", {.mean = std::array{123.675f, 116.28f, 103.53f}});
  refuse("std is 0", {.std = std::array{0.2f, 0.0f, 0.2f}});
  expect_error(ErrorCode::InvalidArgument, "input height 250 (config.json: test_input_size)",
               [&] { make(config(R"({"test_input_size": [3, 250, 256]})")); });
}

TEST(Settings, SizesBesideTheFixedOneOrBelowTheLeastAreNoted) {
  const std::string json = R"({"input_size": [3, 224, 224], "crop_pct": 1, "mean": [0, 0, 0],
      "std": [1, 1, 1], "interpolation": "bicubic", "fixed_input_size": true,
      "min_input_size": [3, 96, 96]})";
  EXPECT_TRUE(make(config(json)).notes.empty()) << make(config(json)).text();
  const Made made = make(config(json), {.height = 64, .width = 256});
  EXPECT_TRUE(made.says("fixed_input_size is true for 224x224, the input is 64x256"));
  EXPECT_TRUE(made.says("min_input_size is 96x96, the input is 64x256")) << made.text();
}

class SettingsLabelsTest : public ::testing::Test {
 protected:
  ClassifierChoices labels(const std::string& text) {
    std::ofstream(folder_ / "classes.txt") << text;
    return {.labels = folder_ / "classes.txt"};
  }

  test::TemporaryDirectory folder_;
  ModelMetadata named_ = config(R"({"label_names": ["a", "b", "c"]})");
};

TEST_F(SettingsLabelsTest, TakeThePlaceOfTheModels) {
  const Made made = make(named_, labels("a\tant\nb\tbee\nc\tcat\n"));
  EXPECT_EQ(made.classifier.labels, (std::vector<std::string>{"ant", "bee", "cat"}));
  EXPECT_EQ(made.classifier.origins.at("labels"), "flag");
  EXPECT_FALSE(made.says("elsewhere")) << made.text();
  EXPECT_EQ(make(named_).classifier.origins.at("labels"), "config.json: label_names");
}

TEST_F(SettingsLabelsTest, InAnotherOrderAreNoted) {
  const Made made = make(named_, labels("a\nc\nb\n"));
  EXPECT_TRUE(
      made.says("2 of 3 common names stand elsewhere than in the model's own list: 'c' is "
                "class 1 here and class 2 there"))
      << made.text();
}

TEST_F(SettingsLabelsTest, OfAnotherNumberAreRefused) {
  expect_error(ErrorCode::InvalidArgument, "classes.txt' has 2 classes, the model 3",
               [&] { make(named_, labels("a\nb\n")); });
}

}  // namespace
}  // namespace vitro
