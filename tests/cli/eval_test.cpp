#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ProcessResult evaluate(const std::string& model, std::vector<std::string> more) {
  std::vector<std::string> arguments{"eval", model, model_file("tiny200_val")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments);
}

TEST(CliEval, MeasuresAccuracy) {
  const ProcessResult result =
      evaluate(plan(), {"--limit", "20", "--batch", "8", "--min-top1", "40", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json["images"], 20);
  EXPECT_EQ(json["failed"], 0);
  EXPECT_GE(json["top5"].get<double>(), json["top1"].get<double>());
  EXPECT_LT(json["top1_interval"][0].get<double>(), json["top1"].get<double>());
  EXPECT_GT(json["top1_interval"][1].get<double>(), json["top1"].get<double>());
  EXPECT_GT(json["images_per_s"].get<double>(), 0);
  EXPECT_TRUE(json["gate"]["passed"]);
}

TEST(CliEval, SaysWhichDirectoryIsWhichOutput) {
  const auto order = [](std::vector<std::string> more) {
    more.insert(more.end(), {"--limit", "5", "--json"});
    const ProcessResult result = evaluate(small_plan(), more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.json().value("class_order", "");
  };
  const std::string list = model_file("tiny200_classes.txt");
  EXPECT_EQ(order({}), "model");
  EXPECT_EQ(order({"--class-order", "text"}), "text");
  EXPECT_EQ(order({"--class-order", "natural"}), "natural");
  EXPECT_EQ(order({"--class-order", list}), "file");
  EXPECT_EQ(order({"--classes", list}), "file");
}

TEST(CliEval, SaysThatAGatePassed) {
  const ProcessResult result = evaluate(small_plan(), {"--limit", "10", "--min-top1", "0%"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "--min-top1 0.00 % passed")) << result.out;
}

TEST(CliEval, GateFailsWithThree) {
  const ProcessResult result = evaluate(small_plan(), {"--limit", "10", "--min-top1", "100"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.out, "top-1")) << result.out;
  EXPECT_TRUE(contains(result.err, "below the 100.00 % of --min-top1")) << result.err;
}

TEST(CliEval, AgreesWithTheReferenceBackend) {
  const ProcessResult result = evaluate(
      small_plan(), {"--limit", "3", "--backend", "cpu", "--reference", "reference", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json reference = result.json()["reference"];
  EXPECT_EQ(reference["name"], "reference");
  EXPECT_EQ(reference["agreement"], 100.0);
  EXPECT_TRUE(reference["nmse"].is_number());
  EXPECT_TRUE(reference["max_error"].is_number());
}

TEST(CliEval, ComparesWithAnotherModel) {
  const ProcessResult result =
      evaluate(small_plan(), {"--limit", "5", "--reference", plan(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["reference"]["nmse"], 0.0) << "the weights are the same";
}

TEST(CliEval, ClassesComeFromAFileToo) {
  const std::vector<std::string> limit{"--limit", "5", "--json"};
  auto with_file = limit;
  with_file.insert(with_file.end(), {"--classes", model_file("tiny200_classes.txt")});
  EXPECT_EQ(evaluate(small_plan(), limit).json()["top1"],
            evaluate(small_plan(), with_file).json()["top1"]);
  const std::string three = write_scratch("three.txt", "n01443537\nn01629819\nn01641577\n");
  const ProcessResult wrong = evaluate(small_plan(), {"--classes", three});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_TRUE(wrong.err.starts_with("error: ")) << wrong.err;
}

TEST(CliEval, WritesPredictions) {
  const std::string path = scratch_file("predictions.csv");
  ASSERT_EQ(evaluate(small_plan(), {"--limit", "4", "--predictions", path}).exit_code, 0);
  const std::string text = read_text(path);
  EXPECT_TRUE(text.starts_with("path,label,prediction,probability\n")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
}

TEST(CliEval, AnInterruptedRunLeavesNothing) {
  const std::vector<std::string> arguments{
      "eval",      plan(),          model_file("tiny200_val"),      "--backend",
      "reference", "--predictions", scratch_file("interrupted.csv")};
  // All images take minutes of processor time; the system ends the program after one second of it.
  const ProcessResult result = run_vitro(arguments, {.limit = RLIMIT_CPU, .limit_value = 1});
  EXPECT_LT(result.exit_code, 0) << result.err;
  EXPECT_EQ(count_scratch("interrupted.csv"), 0);
}

TEST(CliEval, UnreadableImagesAreCountedAndReported) {
  const std::filesystem::path folder = scratch() / "folder";
  for (const char* name : {"n01443537", "n01629819"})
    std::filesystem::create_directories(folder / name);
  std::filesystem::copy_file(model_file("photos/coffee.png"), folder / "n01443537" / "a.png");
  write_scratch("folder/n01443537/b.png", "garbage");
  write_scratch("folder/n01629819/c.jpg", "");
  const ProcessResult result = run_vitro({"eval", small_plan(), folder.string(), "--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "b.png") && contains(result.err, "c.jpg")) << result.err;
  EXPECT_TRUE(contains(result.err, "2 of 3 images could not be read")) << result.err;
  EXPECT_EQ(result.json()["failed"], 2);
  EXPECT_EQ(result.json()["images"], 1);
}

TEST(CliEval, DirectoryWithoutImages) {
  std::filesystem::create_directories(scratch() / "empty" / "n01443537");
  for (const std::string& folder : {scratch_file("empty"), scratch_file("missing")}) {
    const ProcessResult result = run_vitro({"eval", small_plan(), folder});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(result.err.starts_with("error: ") && contains(result.err, folder)) << result.err;
    EXPECT_TRUE(result.out.empty()) << result.out;
  }
}

}  // namespace
}  // namespace vitro::test
