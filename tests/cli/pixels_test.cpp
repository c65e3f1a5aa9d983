// vitro build --pixels.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Of pictures of 64x64.
const std::string& plan_of_pixels() {
  static const std::string plan = [] {
    std::string file = scratch_file("pixels.plan");
    const ProcessResult built =
        run_vitro({"build", checkpoint(), "--pixels", "--size", "64", "-o", file, "--json"});
    EXPECT_EQ(built.exit_code, 0) << built.err;
    return file;
  }();
  return plan;
}

TEST(CliPixels, ThePlanTakesPicturesAsTheyAre) {
  const std::string photo = model_file("photos/coffee.png");
  const auto classify = [&](const std::string& model) {
    return run_vitro({"classify", model, photo, "--size", "64", "--json"}).json();
  };
  const nlohmann::json expected = classify(checkpoint())["images"][0]["predictions"][0],
                       actual = classify(plan_of_pixels())["images"][0]["predictions"][0];
  EXPECT_EQ(actual["class"], expected["class"]);
  EXPECT_NEAR(actual["probability"], expected["probability"], 1e-5);

  const std::string x = scratch_file("pixels_x.npy"), y = scratch_file("pixels_y.npy");
  write_npy(x, Tensor(DType::UInt8, {2, 96, 64, 3}));
  const ProcessResult run = run_vitro({"run", plan_of_pixels(), "-i", x, "-o", y, "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.json()["normalized"], false);
  EXPECT_EQ(run.json()["inputs"][0]["shape"], (Dims{2, 96, 64, 3}));
  write_npy(x, Tensor({2, 3, 64, 64}));
  const ProcessResult floats = run_vitro({"run", plan_of_pixels(), "-i", x, "-o", y});
  EXPECT_EQ(floats.exit_code, 1);
  EXPECT_TRUE(contains(floats.err, "elements of F32, expected U8")) << floats.err;
}

TEST(CliPixels, EveryVerbTakesThePlan) {
  const std::vector<std::vector<std::string>> commands{
      {"bench", plan_of_pixels(), "--duration", "0", "--iterations", "2", "--size", "32"},
      {"profile", plan_of_pixels(), "--batch", "2"},
      {"compare", plan_of_pixels(), checkpoint(), "--size", "64", "--no-latency"},
      {"compare", checkpoint(), plan_of_pixels(), "--size", "64", "--no-latency", "--input",
       model_file("photos/coffee.png")},
      {"eval", plan_of_pixels(), model_file("tiny200_val"), "--limit", "4", "--reference",
       checkpoint(), "--size", "64"},
      {"inspect", plan_of_pixels(), "--why"},
      {"export", plan_of_pixels(), "-o", scratch_file("pixels.onnx")},
      {"build", plan_of_pixels(), "--tune", "--time-budget", "0.1", "-o",
       scratch_file("tuned_pixels.plan")},
      {"build", checkpoint(), "--pixels", "--size", "64", "--range-audit", model_file("photos"),
       "-o", scratch_file("audited.plan")}};
  for (const std::vector<std::string>& command : commands) {
    const ProcessResult result = run_vitro(command);
    EXPECT_EQ(result.exit_code, 0) << command[0] << ": " << result.out << result.err;
  }
}

TEST(CliPixels, MeanAndStdAreAPartOfThePlan) {
  const std::string photo = model_file("photos/coffee.png");
  const ProcessResult result =
      run_vitro({"classify", plan_of_pixels(), photo, "--mean", "0.5,0.5,0.5"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "takes pixels: mean and std are a part of its weights"))
      << result.err;
  EXPECT_EQ(run_vitro({"classify", plan_of_pixels(), photo, "--crop-pct", "0.9"}).exit_code, 0);
}

}  // namespace
}  // namespace vitro::test
