#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "vitro/error.h"
#include "vitro/plan.h"
#include "vitro/session.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool has_bf16() {
  try {
    const Session session(load(small_plan()),
                          {.backend = "cpu", .threads = 1, .precision = Precision::BFloat16});
    return session.precision() == Precision::BFloat16;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.what();
    return false;
  }
}

/// Words of a verb that computes on the cpu in bf16.
std::vector<std::vector<std::string>> verbs() {
  const std::string picture = model_file("photos/coffee.png"), plan = small_plan();
  std::vector<std::vector<std::string>> verbs = {
      {"bench", plan, "--iterations", "2", "--warmup", "1"},
      {"classify", plan, picture},
      {"eval", plan, model_file("tiny200_val"), "--limit", "5"},
      {"profile", plan, "--iterations", "2"},
      {"compare", plan, plan, "--no-latency"}};
  for (auto& words : verbs)
    words.insert(words.end(), {"--backend", "cpu", "--bf16", "--threads", "2", "--json"});
  return verbs;
}

TEST(CliBf16, EveryVerbThatComputesDoesItOnTheCpu) {
  if (!has_bf16()) GTEST_SKIP() << "no bf16 on this machine";
  for (const auto& words : verbs()) {
    const ProcessResult result = run_vitro(words);
    EXPECT_EQ(result.exit_code, 0) << words[0] << ": " << result.err;
    EXPECT_TRUE(contains(result.out, "\"bf16\"")) << words[0] << ": " << result.out;
  }
  const std::string input = scratch_file("bf16_x.npy"), logits = scratch_file("bf16_y.npy");
  write_npy(input, Tensor({1, 3, 64, 64}));
  const ProcessResult run = run_vitro(
      {"run", small_plan(), "--backend", "cpu", "--bf16", "--input", input, "--output", logits});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST(CliBf16, ResultsAreCloseToFloat32AndNotTheSame) {
  if (!has_bf16()) GTEST_SKIP() << "no bf16 on this machine";
  const ProcessResult result =
      run_vitro({"eval", small_plan(), model_file("tiny200_val"), "--limit", "50", "--backend",
                 "cpu", "--bf16", "--reference", "cpu", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json reference = result.json()["reference"];
  EXPECT_EQ(result.json()["precision"], "bf16");
  EXPECT_GE(reference["agreement"], 90.0);
  EXPECT_LT(reference["nmse"], 1e-3);
  EXPECT_GT(reference["nmse"], 1e-7);
}

TEST(CliBf16, TuningChoosesForThePrecision) {
  if (!has_bf16()) GTEST_SKIP() << "no bf16 on this machine";
  const std::string tactics = scratch_file("bf16.tactics");
  const ProcessResult result =
      run_vitro({"build", small_plan(), "--tune", "--backend", "cpu", "--bf16", "--threads", "1",
                 "--time-budget", "2", "--tactics", tactics, "-o", scratch_file("t.plan")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string text = read_text(tactics);
  EXPECT_TRUE(contains(text, " in bf16\"")) << text;
}

TEST(CliBf16, IsRefusedWithTheReasonWithoutTheInstructions) {
  for (const auto& words : verbs()) {
    const ProcessResult result = run_vitro(words, {.environment = {"VITRO_CPU_ISA=scalar"}});
    EXPECT_EQ(result.exit_code, 1) << words[0];
    const std::string text = result.err + result.out;
    EXPECT_TRUE(contains(text, "backend 'cpu' computes in bf16 with AVX512-BF16 or AMX-BF16: "))
        << words[0] << ": " << text;
    EXPECT_TRUE(contains(text, has_bf16() ? "kernels are those of scalar" : "has neither")) << text;
    EXPECT_TRUE(contains(text, has_bf16() ? "unset VITRO_CPU_ISA" : "--weights bf16")) << text;
  }
}

TEST(CliBf16, OtherPrecisionsAreStillRefused) {
  const ProcessResult result =
      run_vitro({"bench", small_plan(), "--backend", "cpu", "--fp16", "--iterations", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "not in fp16")) << result.err;
}

}  // namespace
}  // namespace vitro::test
