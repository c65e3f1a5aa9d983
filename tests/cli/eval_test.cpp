#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <sstream>

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
  EXPECT_GE(reference["kl_divergence"], 0.0);
  EXPECT_GT(reference["sqnr_db"], 60.0);
  EXPECT_EQ(reference["drop"], 0.0);
  EXPECT_LT(reference["drop_interval"][0], 0.0);
  EXPECT_GT(reference["drop_interval"][1], 0.0);
}

TEST(CliEval, AGateOfTheDropBelowTheReference) {
  const ProcessResult result =
      evaluate(small_plan(), {"--limit", "5", "--reference", plan(), "--max-drop", "0.3"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "--max-drop 0.3 passed")) << result.out;
  const ProcessResult alone = evaluate(small_plan(), {"--limit", "5", "--max-drop", "0.3"});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_TRUE(contains(alone.err, "--reference")) << alone.err;
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

/// The shipped class list, with its lines in another order or form.
std::string class_list(const std::string& name,
                       const std::function<void(std::vector<std::string>&)>& edit) {
  std::istringstream file(read_text(model_file("tiny200_classes.txt")));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  edit(lines);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return write_scratch(name, text);
}

TEST(CliEval, AnOrderThatIsNotTheModelsIsAWarning) {
  const std::string list =
      class_list("reversed.txt", [](auto& lines) { std::reverse(lines.begin(), lines.end()); });
  const ProcessResult result = evaluate(plan(), {"--limit", "30", "--classes", list, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "200 of 200 common names stand elsewhere")) << result.err;
  EXPECT_TRUE(contains(result.err, "top-1 is no better than chance, while the model is"))
      << result.err;
  EXPECT_EQ(result.json()["warnings"].size(), 2u);
  const ProcessResult right =
      evaluate(plan(), {"--limit", "30", "--classes", model_file("tiny200_classes.txt"), "--json"});
  EXPECT_EQ(right.err, "");
  EXPECT_GT(right.json()["mean_probability"].get<double>(), 0.1);
}

TEST(CliEval, AClassThatStandsTwiceIsAnError) {
  const std::string list = class_list("twice.txt", [](auto& lines) { lines[7] = lines[3]; });
  const ProcessResult result = evaluate(small_plan(), {"--classes", list});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "'n01644900' stands twice, as class 3 and as class 7"))
      << result.err;
}

TEST(CliEval, ListsComeInManyForms) {
  const auto top5 = [](const std::string& list) {
    const ProcessResult result =
        evaluate(small_plan(), {"--limit", "20", "--labels", list, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.exit_code == 0 ? result.json()["top5"].get<double>() : -1;
  };
  const double expected = top5(model_file("tiny200_classes.txt"));
  EXPECT_GT(expected, 0);
  EXPECT_EQ(top5(class_list("numbered.txt",
                            [](auto& lines) {
                              for (size_t i = 0; i < lines.size(); ++i)
                                lines[i] = std::to_string(i) + " " + lines[i].substr(0, 9);
                              std::reverse(lines.begin(), lines.end());
                            })),
            expected);
  EXPECT_EQ(top5(class_list("index.json",
                            [](auto& lines) {
                              for (size_t i = 0; i < lines.size(); ++i)
                                lines[i] = (i == 0 ? "{" : ",") +
                                           ("\"" + std::to_string(i) + "\": [\"") +
                                           lines[i].substr(0, 9) + "\", \"name\"]";
                              lines.push_back("}");
                            })),
            expected);
}

TEST(CliEval, PicturesOfOneFolderHaveAGroundTruth) {
  const std::filesystem::path flat = scratch() / "flat";
  std::filesystem::create_directories(flat);
  std::string names, numbers;
  int label = 0;
  for (const char* id : {"n01443537", "n01629819", "n01641577"}) {
    for (const auto& file :
         std::filesystem::directory_iterator(model_file("tiny200_val/" + std::string(id)))) {
      const std::string name = std::to_string(label) + ".JPEG";
      std::filesystem::copy_file(file.path(), flat / name);
      names += name + " " + id + "\n";
    }
    numbers += std::to_string(label++) + "\n";
  }
  const auto top1 = [&](const std::string& list) {
    const ProcessResult result = run_vitro({"eval", plan(), flat.string(), "--ground-truth",
                                            write_scratch("truth.txt", list), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.json()["images"], 3);
    EXPECT_EQ(result.json()["class_order"], "model");
    return result.json()["top1"].get<double>();
  };
  EXPECT_GT(top1(names), 50);
  EXPECT_EQ(top1(names), top1(numbers));
  EXPECT_LT(top1("1\n2\n0\n"), 50);
  const ProcessResult none = run_vitro({"eval", plan(), flat.string()});
  EXPECT_TRUE(contains(none.err, "vitro eval --ground-truth FILE takes those of one folder"))
      << none.err;
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
