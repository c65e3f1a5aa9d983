// vitro build --fp8.
#include <gtest/gtest.h>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Scales of 1/32 for what three products read: 128 of them are 4.
std::string cache() {
  return write_scratch("fp8.cache",
                       "TRT-100000-EntropyCalibration2\npatch_embed1.proj: 3d000000\n"
                       "patch_embed2.proj: 3d000000\npatch_embed3.proj: 3d000000\n");
}

ProcessResult build_fp8(const std::string& output, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"build", checkpoint(), "-o", output, "--size", "64", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments);
}

TEST(CliFp8, APlanIsWhatTheReferenceSays) {
  const std::string plan = scratch_file("fp8.plan");
  const ProcessResult built =
      build_fp8(plan, {"--fp8", "--calib", cache(), "--layerPrecisions=patch_embed3.*:fp32"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_EQ(built.json()["precision"], "fp8");
  const nlohmann::json quant = run_vitro({"inspect", plan, "--quant", "--json"}).json()["quant"];
  ASSERT_EQ(quant["products"].size(), 2u);
  for (const nlohmann::json& product : quant["products"]) {
    EXPECT_EQ(product["low"], -4.0) << product;
    EXPECT_EQ(product["high"], 4.0) << product;
  }
  const std::string notes = run_vitro({"inspect", plan}).out;
  EXPECT_TRUE(contains(notes, "fp8: 2 of 77 products are in 8 bits")) << notes;
  const std::string why = run_vitro({"inspect", plan, "--why", "--backend", "cpu"}).out;
  EXPECT_TRUE(contains(why, "cpu:quantized_conv_rounded")) << why;
  const ProcessResult result =
      run_vitro({"eval", plan, model_file("tiny200_val"), "--limit", "8", "--backend", "cpu",
                 "--reference", "reference", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["reference"]["agreement"], 100.0);
  EXPECT_LT(result.json()["reference"]["nmse"], 1e-4);
}

TEST(CliFp8, RefusesWhatContradictsIt) {
  const std::string plan = scratch_file("refused.plan");
  const auto refused = [&](const std::vector<std::string>& more, int code, const char* message) {
    const ProcessResult result = build_fp8(plan, more);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
  };
  refused({"--fp8", "--int8", "--calib", cache()}, 2, "--int8 and --fp8 cannot be given together");
  refused({"--fp8"}, 2, "--fp8 requires --calib");
  refused({"--calib", cache()}, 2, "--calib requires --int8 or --fp8");
  refused({"--fp8", "--calib", cache(), "--layerPrecisions", "patch_embed1.proj:int8"}, 1,
          "'patch_embed1.proj:int8' in a build with --fp8, expected fp8 or fp32");
  refused({"--fp8", "--calib", write_scratch("cut.calib", "{\"format\": ")}, 1, "cut.calib");
  EXPECT_EQ(count_scratch("refused.plan"), 0);
}

}  // namespace
}  // namespace vitro::test
