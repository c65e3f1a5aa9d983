#include <gtest/gtest.h>

#include <fstream>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Tunes the small plan, which takes a second or two, and more where the machine is busy or the
/// build is instrumented; extra arguments follow.
ProcessResult tune(const std::string& output, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"build", small_plan(),    "-o", output,  "--tune", "--threads",
                                     "1",     "--time-budget", "30", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments);
}

TEST(CliTune, TacticsAreInThePlanAndExplained) {
  const std::string output = scratch_file("tuned.plan");
  const ProcessResult built = tune(output);
  ASSERT_EQ(built.exit_code, 0) << built.err;
  const nlohmann::json tactics = built.json()["tactics"];
  ASSERT_EQ(tactics.size(), 1u);
  EXPECT_EQ(tactics[0]["threads"], 1);
  EXPECT_GT(tactics[0]["ops"], 5);

  const nlohmann::json why =
      run_vitro({"inspect", output, "--why", "--threads", "1", "--json"}).json()["why"];
  bool measured = false;
  for (const auto& op : why) measured |= op.contains("measured_us") && !op["measured_us"].empty();
  EXPECT_TRUE(measured) << why.dump(1);

  const ProcessResult other = run_vitro({"inspect", output, "--why", "--threads", "2"});
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_TRUE(contains(other.out, "tactics: none for")) << other.out;
}

TEST(CliTune, TheSameFileGivesTheSamePlan) {
  const std::string file = scratch_file("tactics.json"), tuned = scratch_file("t.plan");
  ASSERT_EQ(tune(tuned, {"--tactics", file}).exit_code, 0);
  const std::string a = scratch_file("a.plan"), b = scratch_file("b.plan");
  for (const std::string& output : {a, b}) {
    const ProcessResult built = run_vitro({"build", small_plan(), "-o", output, "--tactics", file});
    ASSERT_EQ(built.exit_code, 0) << built.err;
    EXPECT_TRUE(contains(built.out, "ops on")) << built.out;
  }
  EXPECT_TRUE(read_text(a) == read_text(b));
  EXPECT_TRUE(read_text(a) == read_text(tuned));
}

TEST(CliTune, TuningAddsToTheFile) {
  const std::string file = scratch_file("merged.json"), output = scratch_file("m.plan");
  write_scratch("merged.json",
                R"({"format": "vitro-tactics", "version": 1, "tactics": [{"machine": "other",
                    "threads": 4, "ops": [{"op": "x", "impl": "cpu:x", "timings": []}]}]})");
  ASSERT_EQ(tune(output, {"--tactics", file}).exit_code, 0);
  const nlohmann::json tactics = nlohmann::json::parse(read_text(file))["tactics"];
  ASSERT_EQ(tactics.size(), 2u);
  EXPECT_TRUE(tactics[0]["machine"] == "other" || tactics[1]["machine"] == "other");
}

TEST(CliTune, AnInterruptionWritesNothingUnlessAsked) {
  const std::string output = scratch_file("interrupted.plan"), file = scratch_file("some.json");
  std::vector<std::string> arguments{"build",         plan(), "-o",        output, "--tune",
                                     "--time-budget", "60",   "--tactics", file,   "--json"};
  const ProcessOptions options{.interrupt = true};
  const ProcessResult result = run_vitro(arguments, options);
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_TRUE(contains(result.err, "nothing was written\nhint: --keep-partial")) << result.err;
  EXPECT_EQ(result.json()["error"]["code"], "Interrupted");
  EXPECT_EQ(count_scratch("interrupted.plan") + count_scratch("some.json"), 0);

  arguments.push_back("--keep-partial");
  const ProcessResult kept = run_vitro(arguments, options);
  EXPECT_EQ(kept.exit_code, 0) << kept.err;
  EXPECT_TRUE(contains(kept.err, "tuning was interrupted")) << kept.err;
  EXPECT_TRUE(std::filesystem::exists(output) && std::filesystem::exists(file));
}

TEST(CliTune, BadFilesAreNamed) {
  const std::string output = scratch_file("never.plan");
  const std::string bad = write_scratch("bad.json", R"({"format": "vitro-tactics"})");
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"build", small_plan(), "-o", output, "--tactics", bad},
           {"build", small_plan(), "-o", output, "--tactics", bad, "--tune"},
           {"build", small_plan(), "-o", output, "--tactics", scratch_file("none.json")},
           {"build", small_plan(), "-o", output, "--tactics", output},
           {"build", small_plan(), "-o", output, "--tune", "--tactics", output},
           {"build", small_plan(), "-o", output, "--tune", "--tactics", scratch_file("no/t.json")},
           {"build", small_plan(), "-o", scratch_file("no/t.plan"), "--tune"},
           {"build", small_plan(), "-o", output, "--tune", "--size", "96"},
           {"build", small_plan(), "-o", output, "--tune", "--tune-batch", "4000000000"}}) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_TRUE(contains(result.err, "error: ")) << result.err;
    EXPECT_FALSE(std::filesystem::exists(output));
  }
}

TEST(CliTune, WhatIsTunedForNeedsTuning) {
  const std::string output = scratch_file("never.plan");
  const ProcessResult result = run_vitro({"build", checkpoint(), "-o", output, "--fp16"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "--fp16 is for --tune")) << result.err;
  EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace vitro::test
