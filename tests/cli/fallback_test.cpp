#include <gtest/gtest.h>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CliFallback, IsAnOptionOfEveryVerbThatHasABackend) {
  for (const char* verb : {"classify", "run", "bench", "profile", "eval", "compare", "inspect"})
    EXPECT_TRUE(contains(run_vitro({verb, "--help"}).out, "--fallback cpu")) << verb;
}

TEST(CliFallback, ChangesNothingWhereTheBackendRunsAll) {
  const ProcessResult result = run_vitro(
      {"inspect", small_plan(), "--why", "--backend", "reference", "--fallback", "cpu", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(result.json()["fallback"].is_null());
}

/// Where the cuda backend cannot be used, for want of a toolkit or a GPU.
class CliWithoutCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    refused_ = run_vitro({"inspect", small_plan(), "--why", "--backend", "cuda"});
    if (refused_.exit_code == 0) GTEST_SKIP() << "cuda runs here";
  }
  ProcessResult refused_;
};

TEST_F(CliWithoutCuda, TheErrorSaysThatThereIsAFallback) {
  EXPECT_EQ(refused_.exit_code, 1);
  EXPECT_TRUE(contains(refused_.err, "error: backend 'cuda' is not available: ")) << refused_.err;
  EXPECT_TRUE(contains(refused_.err, "hint: --fallback cpu")) << refused_.err;
}

TEST_F(CliWithoutCuda, TheFallbackRunsEverythingWithAWarning) {
  const ProcessResult text = run_vitro(
      {"inspect", small_plan(), "--why", "--backend", "cuda", "--fallback", "cpu", "--fp16"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(text.err.starts_with("warning: backend 'cuda' is not available: ")) << text.err;
  EXPECT_TRUE(contains(text.err, "; all runs on cpu")) << text.err;
  EXPECT_TRUE(contains(text.out, "all runs on cpu")) << text.out;

  const ProcessResult quiet = run_vitro(
      {"inspect", small_plan(), "--why", "--backend", "cuda", "--fallback", "cpu", "--json", "-q"});
  EXPECT_EQ(quiet.err, "");
  const nlohmann::json fallback = quiet.json()["fallback"];
  EXPECT_EQ(fallback["asked"], "cuda");
  EXPECT_EQ(fallback["backend"], "cpu");
  EXPECT_FALSE(fallback["unavailable"].get<std::string>().empty());
  EXPECT_EQ(fallback["copied_bytes"], 0);

  const ProcessResult bench = run_vitro({"bench", small_plan(), "--backend", "cuda", "--fallback",
                                         "cpu", "--iterations", "1", "--json"});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  const nlohmann::json row = bench.json()[0];
  EXPECT_EQ(row["backend"], "cpu");
  EXPECT_EQ(row["fallback"], "cpu");
  for (const char* key : {"fallback_ops", "fallback_copies", "fallback_bytes"})
    EXPECT_TRUE(row[key].is_null()) << key;
}

}  // namespace
}  // namespace vitro::test
