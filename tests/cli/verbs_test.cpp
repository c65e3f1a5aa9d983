#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CliBuild, SaysWhatWasBuilt) {
  const std::string output = scratch_file("built.plan");
  const ProcessResult result = run_vitro({"build", checkpoint(), "-o", output, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json["architecture"], "uniformer_small");
  EXPECT_EQ(json["classes"], 200);
  EXPECT_EQ(json["labels"], 200);
  EXPECT_EQ(json["tensors"], 316);
  EXPECT_EQ(json["arch_params"]["head_dim"], 64);
  EXPECT_EQ(json["preprocessing"]["interpolation"], "bicubic");
  EXPECT_EQ(json["bytes"], std::filesystem::file_size(output));
  EXPECT_GT(json["parameters"].get<int64_t>(), 20'000'000);
  std::filesystem::remove(output);
}

TEST(CliBuild, EqualInputsGiveEqualBytes) {
  const std::string again = scratch_file("again.plan");
  ASSERT_EQ(run_vitro({"build", checkpoint(), "-o", again}).exit_code, 0);
  EXPECT_TRUE(read_text(plan()) == read_text(again));
  std::filesystem::remove(again);
}

TEST(CliBuild, WeightsOfBFloat16TakeHalfTheSpace) {
  const std::string half = scratch_file("half.plan");
  const nlohmann::json built =
      run_vitro({"build", checkpoint(), "-o", half, "--weights", "bf16", "--json"}).json();
  EXPECT_EQ(built["precision"], "bf16");
  EXPECT_LT(built["bytes"].get<int64_t>(), 45'000'000);
  EXPECT_GT(std::filesystem::file_size(plan()), 80'000'000u);
  EXPECT_EQ(run_vitro({"inspect", plan(), "--json"}).json()["precision"], "fp32");
  const nlohmann::json rows =
      run_vitro({"bench", half, "--iterations", "1", "--warmup", "1", "--size", "64", "--json"})
          .json();
  EXPECT_EQ(rows[0]["precision"], "fp32");
  EXPECT_EQ(rows[0]["weights"], "bf16");
  const ProcessResult mixed = run_vitro({"bench", half, "--weights", "fp32,bf16", "--size", "64",
                                         "--iterations", "1", "--warmup", "1", "--json"});
  EXPECT_EQ(mixed.exit_code, 1);
  EXPECT_TRUE(contains(mixed.json()[0]["error"], "has weights in bf16, expected fp32"));
  EXPECT_TRUE(mixed.json()[1]["error"].is_null());
  EXPECT_TRUE(contains(run_vitro({"inspect", half, "--graph"}).out, "weight:BF16:cpu:panel16"));
  std::filesystem::remove(half);
}

TEST(CliBuild, WeightsAreThoseOfThePlan) {
  const ProcessResult plan_result =
      run_vitro({"classify", small_plan(), model_file("photos/coffee.png"), "--weights", "bf16"});
  EXPECT_EQ(plan_result.exit_code, 1);
  EXPECT_TRUE(contains(plan_result.err, "has weights in fp32, expected bf16")) << plan_result.err;
  EXPECT_TRUE(contains(plan_result.err, "--weights bf16 -o")) << plan_result.err;
  const ProcessResult usage = run_vitro({"build", checkpoint(), "-o", "x", "--weights", "fp16"});
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_TRUE(contains(usage.err, "got 'fp16', expected fp32|bf16")) << usage.err;
}

TEST(CliBuild, SizeIsKept) {
  const nlohmann::json json = run_vitro({"inspect", small_plan(), "--json"}).json();
  EXPECT_EQ(json["preprocessing"]["height"], 64);
  EXPECT_EQ(json["preprocessing"]["width"], 64);
}

TEST(CliBuild, DumpsTheGraphAfterEachPass) {
  const std::string directory = scratch_file("ir");
  const ProcessResult result =
      run_vitro({"build", checkpoint(), "-o", scratch_file("ir.plan"), "--dump-ir", directory});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    EXPECT_FALSE(std::filesystem::is_empty(entry.path()));
    ++files;
  }
  EXPECT_GT(files, 3);
}

TEST(CliClassify, NamesWhatIsInThePhotos) {
  const ProcessResult result = run_vitro({"classify", plan(), model_file("photos/chelsea.png"),
                                          model_file("photos/coffee.png"), "--json", "--top", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json images = result.json()["images"];
  ASSERT_EQ(images.size(), 2u);
  ASSERT_EQ(images[0]["predictions"].size(), 3u);
  EXPECT_TRUE(contains(images[0]["predictions"][0]["label"], "cat"));
  EXPECT_TRUE(contains(images[1]["predictions"][0]["label"], "espresso"));
  EXPECT_GT(images[1]["predictions"][0]["probability"].get<double>(), 0.5);
  EXPECT_EQ(images[1]["predictions"][0]["id"], "n07920052");
  for (const auto& image : images) {
    EXPECT_TRUE(image.contains("inference_ms"));
    EXPECT_TRUE(image.contains("preprocess_ms"));
  }
}

TEST(CliClassify, TakesACheckpointAndStandardInput) {
  const ProcessResult result =
      run_vitro({"classify", checkpoint(), "-"}, {.input = model_file("photos/coffee.png")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "espresso")) << result.out;
  EXPECT_TRUE(contains(result.out, " %")) << result.out;
  EXPECT_FALSE(contains(result.out, "\x1b")) << "colour without a terminal";
}

TEST(CliClassify, PicturesOfMorePixelsThanAreAllowedAreRefused) {
  const std::string photo = model_file("photos/coffee.png");
  const ProcessResult result = run_vitro({"classify", small_plan(), photo, "--max-pixels", "99"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "over the limit of 99 pixels")) << result.err;
  EXPECT_TRUE(contains(result.err, "--max-pixels")) << result.err;
}

TEST(CliClassify, OneBadImageDoesNotHideTheOthers) {
  const std::string bad = write_scratch("bad.png", "not an image");
  const std::vector<std::string> arguments{"classify", small_plan(), bad,
                                           model_file("photos/coffee.png")};
  const ProcessResult text = run_vitro(arguments);
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_TRUE(text.err.starts_with("error: ") && contains(text.err, "bad.png")) << text.err;
  EXPECT_TRUE(contains(text.out, "coffee.png")) << text.out;

  auto with_json = arguments;
  with_json.push_back("--json");
  const nlohmann::json images = run_vitro(with_json).json()["images"];
  ASSERT_EQ(images.size(), 2u);
  EXPECT_TRUE(images[0].contains("error"));
  EXPECT_TRUE(images[1].contains("predictions"));
}

TEST(CliInspect, Summary) {
  const ProcessResult result = run_vitro({"inspect", plan()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"uniformer_small", "316/316 consumed", "head_dim", "bicubic", "ops"})
    EXPECT_TRUE(contains(result.out, part)) << part << " in:\n" << result.out;
}

TEST(CliInspect, SectionsAsText) {
  const ProcessResult result =
      run_vitro({"inspect", small_plan(), "--weights", "--graph", "--why", "--memory"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part :
       {"blocks3.0.attn.qkv.weight", "return %", "runs on", "cpu:linear_panel16", "arena"})
    EXPECT_TRUE(contains(result.out, part)) << part;
}

TEST(CliInspect, WeightLedgerAsJson) {
  const nlohmann::json json =
      run_vitro({"inspect", small_plan(), "--weights", "--memory", "--json"}).json();
  ASSERT_EQ(json["weights"].size(), 316u);
  for (const auto& weight : json["weights"]) {
    EXPECT_EQ(weight["checksum"].get<std::string>().size(), 16u);
    EXPECT_FALSE(weight["consumer"].get<std::string>().empty()) << weight;
    EXPECT_TRUE(weight.contains("dtype") && weight.contains("shape"));
  }
}

TEST(CliInspect, WhyAsJson) {
  const nlohmann::json json =
      run_vitro({"inspect", small_plan(), "--why", "--backend", "reference", "--json"}).json();
  EXPECT_EQ(json["near_misses"], nlohmann::json::array());
  const nlohmann::json& why = json["why"];
  int inlined = 0;
  for (const auto& op : why) {
    for (const char* key : {"op", "source", "shape", "impl", "refused"})
      EXPECT_TRUE(op.contains(key)) << key;
    inlined += op["impl"].is_null();
  }
  EXPECT_EQ(inlined, 7 + 18 + 11 + 11) << "every fused op, and the attention in its blocks";
  const nlohmann::json cpu =
      run_vitro({"inspect", small_plan(), "--why", "--threads", "2", "--json"}).json()["why"];
  const auto last_mlp =
      std::find_if(cpu.rbegin(), cpu.rend(), [](const auto& op) { return op["op"] == "mlp"; });
  ASSERT_NE(last_mlp, cpu.rend());
  EXPECT_EQ((*last_mlp)["refused"][0]["impl"], "cpu:mlp_banded");
  EXPECT_TRUE(contains((*last_mlp)["refused"][0]["reason"], "4 rows")) << *last_mlp;
}

TEST(CliInspect, MemoryToTheByte) {
  const nlohmann::json memory =
      run_vitro({"inspect", small_plan(), "--memory", "--json"}).json()["memory"];
  const auto bytes = [&](const char* key) { return memory[key].get<int64_t>(); };
  EXPECT_GT(bytes("weight_bytes"), 40'000'000);
  EXPECT_GT(bytes("arena_bytes"), 0);
  EXPECT_EQ(bytes("staging_bytes"), 0u);
  EXPECT_EQ(bytes("saved_bytes"),
            bytes("activation_bytes") + bytes("scratch_bytes") - bytes("arena_bytes"));
  EXPECT_EQ(bytes("session_bytes"), bytes("weight_bytes") + bytes("arena_bytes"));
  // A plan has the forms that the cpu backend reads; another backend makes its own.
  EXPECT_EQ(bytes("repacked_bytes"), 0);
  const nlohmann::json other =
      run_vitro({"inspect", small_plan(), "--memory", "--backend", "reference", "--json"})
          .json()["memory"];
  EXPECT_GT(other["repacked_bytes"].get<int64_t>(), 40'000'000);
  EXPECT_EQ(other["session_bytes"].get<int64_t>(), other["weight_bytes"].get<int64_t>() +
                                                       other["repacked_bytes"].get<int64_t>() +
                                                       other["arena_bytes"].get<int64_t>());
  const std::string text = run_vitro({"inspect", small_plan(), "--memory"}).out;
  EXPECT_TRUE(contains(text, fmt::format("{} bytes", fmt::group_digits(bytes("arena_bytes")))))
      << text;
}

TEST(CliVerbose, ShowsDispatchAndPassesOnStandardError) {
  const ProcessResult why = run_vitro({"inspect", small_plan(), "--why"});
  const ProcessResult bench =
      run_vitro({"bench", small_plan(), "--iterations", "1", "--verbose", "dispatch", "--json"});
  EXPECT_TRUE(contains(bench.err, "dispatch: input 1x3x64x64 on cpu")) << bench.err;
  EXPECT_TRUE(contains(bench.err, why.out.substr(0, why.out.find('\n')))) << bench.err;
  EXPECT_TRUE(bench.json().is_array()) << "results are apart";
  const ProcessResult build = run_vitro(
      {"build", checkpoint(), "-o", scratch_file("verbose.plan"), "--verbose", "passes,dispatch"});
  EXPECT_TRUE(contains(build.err, " fuse_local_mixer")) << build.err;
}

}  // namespace
}  // namespace vitro::test
