#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Of the shipped model at 64 x 64 on four of its pictures.
std::vector<std::string> command(const std::string& output,
                                 const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"calibrate", checkpoint(),   model_file("tiny200_val"),
                                     "-o",        output,         "--size",
                                     "64",        "--max-images", "4"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(CliCalibrate, WritesAFileAndSaysWhatItFound) {
  const std::string output = scratch_file("x.calib"), cache = scratch_file("x.cache");
  const ProcessResult result =
      run_vitro(command(output, {"--json", "--calib-method", "minmax,entropy,output-mse",
                                 "--tensorrt-cache", cache, "--eval", model_file("tiny200_val")}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json["images"], 4);
  EXPECT_EQ(json["methods"], (nlohmann::json{"minmax", "entropy", "output-mse"}));
  ASSERT_EQ(json["inputs"].size(), 77u);
  EXPECT_EQ(json["inputs"][0]["product"], "patch_embed1.proj");
  EXPECT_EQ(json["inputs"][76]["product"], "head");
  EXPECT_TRUE(json["inputs"][5]["methods"]["output-mse"]["nmse"].is_number());
  EXPECT_TRUE(contains(result.err, "warning: 4 pictures are few")) << result.err;
  EXPECT_TRUE(contains(result.err, "4 of 4 pictures are also among the")) << result.err;
  const nlohmann::json file = nlohmann::json::parse(read_text(output));
  EXPECT_EQ(file["format"], "vitro-calibration");
  EXPECT_EQ(file["model"]["hash"], json["model_hash"]);
  EXPECT_EQ(file["images"]["hash"], json["image_hash"]);
  EXPECT_EQ(file["notes"], json["notes"]);
  EXPECT_EQ(file["inputs"].size(), 77u);
  EXPECT_TRUE(read_text(cache).starts_with("TRT-100000-EntropyCalibration2\n"));

  const std::string again = scratch_file("again.calib");
  const ProcessResult text =
      run_vitro(command(again, {"-q", "--threads", "1", "--calib-method", "all"}));
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "products       77")) << text.out;
  EXPECT_TRUE(text.err.empty()) << text.err;
  EXPECT_EQ(nlohmann::json::parse(read_text(again))["inputs"][9]["methods"]["entropy"],
            file["inputs"][9]["methods"]["entropy"]);
}

TEST(CliCalibrate, GoesOnAfterAnInterruption) {
  const std::string output = scratch_file("interrupted.calib"), partial = output + ".partial";
  std::vector<std::string> arguments{"calibrate", checkpoint(), model_file("tiny200_val"),
                                     "-o",        output,       "--size",
                                     "128",       "--json"};
  const ProcessResult result = run_vitro(arguments, {.terminate_when = partial});
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_TRUE(contains(result.err, "interrupted; what it gathered is in '" + partial + "'\nhint: "))
      << result.err;
  EXPECT_EQ(result.json()["error"]["code"], "Interrupted");
  EXPECT_FALSE(std::filesystem::exists(output));

  arguments.insert(arguments.end(), {"--calib-method", "minmax"});  // others serve as well
  const ProcessResult second = run_vitro(arguments);
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_TRUE(second.err.starts_with("resuming at image ")) << second.err;
  EXPECT_TRUE(contains(second.err, " of 200, from '" + partial + "'")) << second.err;
  EXPECT_EQ(count_scratch("interrupted.calib"), 1) << "the partial file is gone";
  const std::string whole = read_text(output);
  ASSERT_EQ(run_vitro(arguments).exit_code, 0);
  EXPECT_EQ(read_text(output), whole);
}

TEST(CliCalibrate, SaysWhyItDoesNotGoOn) {
  const std::string output = scratch_file("other.calib");
  write_scratch("other.calib.partial", "something else");
  const ProcessResult result = run_vitro(command(output));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "other.calib.partial' is not gone on from")) << result.err;
  EXPECT_EQ(count_scratch("other.calib"), 1);
}

TEST(CliCalibrate, DrawsASampleThatItReads) {
  const std::string list = scratch_file("list.txt"), again = scratch_file("list2.txt");
  const auto draw = [](const std::string& output, const std::string& seed) {
    return run_vitro({"calibrate", model_file("tiny200_val"), "--sample", "6", "--per-class", "1",
                      "--seed", seed, "-o", output, "--json"});
  };
  const ProcessResult drawn = draw(list, "3");
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_EQ(drawn.json()["images"], 6);
  EXPECT_EQ(drawn.json()["classes"], 6);
  ASSERT_EQ(draw(again, "3").exit_code, 0);
  EXPECT_EQ(read_text(list), read_text(again));
  ASSERT_EQ(draw(again, "4").exit_code, 0);
  EXPECT_NE(read_text(list), read_text(again));
  const ProcessResult used = run_vitro({"calibrate", checkpoint(), list, "-o",
                                        scratch_file("list.calib"), "--size", "64", "--json"});
  ASSERT_EQ(used.exit_code, 0) << used.err;
  EXPECT_EQ(used.json()["images"], 6);
}

TEST(CliCalibrate, HelpHasAllOptions) {
  const std::string help = run_vitro({"calibrate", "--help"}).out;
  for (const char* option :
       {"--sample N", "--per-class K", "--seed S", "--calib-method METHOD", "--max-images N",
        "--eval IMAGES", "--tensorrt-cache FILE", "--smoothing search|none"})
    EXPECT_TRUE(contains(help, option)) << option;
}

TEST(CliCalibrate, OnePictureThatCannotBeReadIsAnErrorOfItsOwn) {
  const auto folder = scratch() / "some";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "broken.png") << "nothing";
  const ProcessResult none =
      run_vitro({"calibrate", checkpoint(), folder, "-o", scratch_file("no.calib")});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_TRUE(contains(none.err, "none of the pictures could be read")) << none.err;
  EXPECT_EQ(count_scratch("no.calib"), 0);
  std::filesystem::copy_file(model_file("photos/coffee.png"), folder / "good.png");
  const ProcessResult one = run_vitro({"calibrate", checkpoint(), folder, "-o",
                                       scratch_file("one.calib"), "--size", "64", "--json"});
  EXPECT_EQ(one.exit_code, 1);
  EXPECT_EQ(one.json()["images"], 1);
  EXPECT_TRUE(contains(one.err, "1 of 2 pictures could not be read")) << one.err;
  EXPECT_EQ(count_scratch("one.calib"), 1);
}

TEST(CliCalibrate, BadInputIsNamedBeforeAnythingRuns) {
  const std::string output = scratch_file("never.calib"), images = model_file("tiny200_val");
  const auto refused = [&](const std::vector<std::string>& arguments, int code,
                           const std::string& message) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
    EXPECT_EQ(count_scratch("never.calib"), 0);
  };
  refused({"calibrate", small_plan(), images, "-o", output}, 1, "is a plan");
  refused({"calibrate", checkpoint(), "-o", output}, 2, "IMAGES");
  refused({"calibrate", checkpoint(), images}, 2, "--output");
  refused({"calibrate", checkpoint(), images, "-o", output, "--sample", "4"}, 2, "TRAIN_DIR");
  refused({"calibrate", checkpoint(), images, "-o", output, "--calib-method", "kl"}, 2, "kl");
  refused({"calibrate", checkpoint(), images, "-o", output, "--calib-method", "entropy",
           "--smoothing", "search", "--tensorrt-cache", scratch_file("never.cache")},
          2, "not the factors of its channels");
  refused({"calibrate", checkpoint(), images, "-o", checkpoint()}, 1, "is the input");
  refused({"calibrate", checkpoint(), scratch_file("nowhere"), "-o", output}, 1, "nowhere");
  refused({"calibrate", checkpoint(), images, "-o", scratch_file("no/x.calib")}, 1, "no");
  refused({"calibrate", checkpoint(), images, "-o", output, "--tensorrt-cache", output}, 1,
          "entropy or minmax");
}

}  // namespace
}  // namespace vitro::test
