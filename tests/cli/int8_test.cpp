// vitro build --int8.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ProcessResult build_int8(const std::string& output, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"build", checkpoint(), "-o", output, "--size", "64", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments);
}

TEST(CliInt8, BuildsFromPicturesAndFromAFileTheSamePlan) {
  const std::string calibration = scratch_file("int8.calib"), plan = scratch_file("int8.plan"),
                    again = scratch_file("again.plan");
  const std::string pictures = model_file("photos");
  const ProcessResult calibrated =
      run_vitro({"calibrate", checkpoint(), pictures, "-o", calibration, "--size", "64"});
  ASSERT_EQ(calibrated.exit_code, 0) << calibrated.err;
  const ProcessResult from_file = build_int8(plan, {"--int8", "--calib=" + calibration});
  ASSERT_EQ(from_file.exit_code, 0) << from_file.err;
  EXPECT_EQ(from_file.json()["precision"], "int8");
  EXPECT_LT(from_file.json()["bytes"], 25e6) << "the weights have a byte each";
  const ProcessResult from_pictures = build_int8(again, {"--int8", "--calib=" + pictures});
  ASSERT_EQ(from_pictures.exit_code, 0) << from_pictures.err;
  EXPECT_EQ(read_text(plan), read_text(again));

  const nlohmann::json quant = run_vitro({"inspect", plan, "--quant", "--json"}).json()["quant"];
  EXPECT_EQ(quant["method"], "output-mse");
  ASSERT_EQ(quant["products"].size(), 76u);
  EXPECT_EQ(quant["float"][0]["product"], "head");
  for (const nlohmann::json& product : quant["products"]) {
    EXPECT_LT(product["low"].get<double>(), product["high"].get<double>()) << product;
    EXPECT_GT(product["sqnr_db"].get<double>(), 20) << product;
    EXPECT_LT(product["clipped"].get<double>(), 0.02) << product;
  }
  const auto lines = [&](const ProcessResult& shown) {
    return std::count(shown.out.begin(), shown.out.end(), '\n');
  };
  const ProcessResult worst = run_vitro({"inspect", plan, "--quant"}),
                      all = run_vitro({"inspect", plan, "--quant", "--all"});
  EXPECT_TRUE(contains(worst.out, "(10 of 76 products in 8 bits, the worst first")) << worst.out;
  EXPECT_TRUE(contains(worst.out, "float32  head: its result is that of the model")) << worst.out;
  EXPECT_EQ(lines(all), lines(worst) + 66 - 1);
  EXPECT_EQ(run_vitro({"inspect", plan, "--all"}).exit_code, 2);
  EXPECT_EQ(run_vitro({"inspect", small_plan(), "--quant"}).out, "no product is in 8 bits\n");

  const ProcessResult result =
      run_vitro({"eval", plan, model_file("tiny200_val"), "--limit", "8", "--backend", "cpu",
                 "--reference", "reference", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["precision"], "fp32");
  EXPECT_EQ(result.json()["reference"]["agreement"], 100.0) << "the definition's integers";
  EXPECT_LT(result.json()["reference"]["nmse"], 1e-3);
}

/// A scale of 1e-6 clips all that the first product reads to its sign; those of the others are fit.
std::string clipping_cache() {
  return write_scratch("clips.cache",
                       "TRT-100000-EntropyCalibration2\npatch_embed1.proj: 358637bd\n"
                       "patch_embed2.proj: 3d000000\npatch_embed3.proj: 3d000000\n");
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST(CliInt8, APageHasAHistogramOfEachProduct) {
  const std::string plan = scratch_file("page.plan"), page = scratch_file("page.html");
  ASSERT_EQ(build_int8(plan, {"--int8", "--calib", model_file("photos")}).exit_code, 0);
  ASSERT_EQ(run_vitro({"inspect", plan, "--quant", "--html", page}).exit_code, 0);
  const std::string html = read_text(page);
  EXPECT_EQ(count_of(html, "<svg "), 76u);
  EXPECT_EQ(count_of(html, "least code: "), 76u);
  EXPECT_GT(count_of(html, "<rect "), 76u * 10);
  EXPECT_FALSE(contains(html, "://")) << "all of it is in the file";
  const std::string worst = run_vitro({"inspect", plan, "--quant"}).out;
  const std::string name = worst.substr(worst.find("\n") + 1);
  EXPECT_LT(html.find("<b>" + name.substr(0, name.find(' ')) + "</b>"),
            html.find("<b>patch_embed1.proj"))
      << "the worst first";
  EXPECT_LT(html.find("The other 66"), html.rfind("<svg "));
  EXPECT_EQ(run_vitro({"inspect", plan, "--html", page}).exit_code, 2);
}

TEST(CliInt8, BiasesAreCorrectedOnPictures) {
  const std::string plan = scratch_file("biases.plan"), other = scratch_file("rounding.plan");
  const auto build = [](const std::string& output, const std::vector<std::string>& more) {
    std::vector<std::string> options{"--int8", "--calib", clipping_cache()};
    options.insert(options.end(), more.begin(), more.end());
    return build_int8(output, options);
  };
  const std::vector<std::string> sequential{"--bias-correction", "sequential"};
  const ProcessResult without = build(plan, sequential);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_TRUE(
      contains(without.err, "hint: name some, like those of the calibration: --bias-images"))
      << without.err;
  EXPECT_EQ(build(plan, {"--bias-images", model_file("photos")}).exit_code, 2);
  const ProcessResult bounded = build(plan, {"--bias-correction", "sequential", "--max-drop", "1",
                                             "--eval", model_file("tiny200_val")});
  EXPECT_EQ(bounded.exit_code, 2);
  EXPECT_TRUE(contains(bounded.err, "expected another --bias-correction")) << bounded.err;

  ASSERT_EQ(build(other, {}).exit_code, 0);
  ASSERT_EQ(
      build(plan, {"--bias-correction", "sequential", "--bias-images", few_pictures(20)}).exit_code,
      0);
  EXPECT_NE(read_text(plan), read_text(other));
}

TEST(CliInt8, LayerPrecisionsKeepProductsInFloat) {
  const std::string plan = scratch_file("layers.plan");
  const ProcessResult built =
      build_int8(plan, {"--int8", "--calib", clipping_cache(),
                        "--layerPrecisions=patch_embed*.proj:fp32,patch_embed3.proj:int8"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  const std::string notes = run_vitro({"inspect", plan}).out;
  EXPECT_TRUE(contains(notes, "1 of 77 products are in 8 bits")) << notes;
  EXPECT_TRUE(contains(notes, "'patch_embed2.proj' (--layerPrecisions)")) << notes;
  EXPECT_TRUE(contains(notes, "'head' (its result is")) << notes;
  const std::string graph = run_vitro({"inspect", plan, "--graph"}).out;
  EXPECT_TRUE(contains(graph, "patch_embed3.proj.input_factor")) << graph;
  EXPECT_FALSE(contains(graph, "patch_embed2.proj.input_factor")) << graph;

  const ProcessResult unknown = build_int8(plan, {"--int8", "--calib", model_file("photos"),
                                                  "--layerPrecisions", "patch_embed2.prj:fp32"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_TRUE(contains(unknown.err,
                       "'patch_embed2.prj' is the name of none of the 77 products\n"
                       "hint: the nearest of them is 'patch_embed2.proj'"))
      << unknown.err;
  const ProcessResult misspelt =
      build_int8(plan, {"--int8", "--calib", clipping_cache(), "--layerPrecisions", "head:fp4"});
  EXPECT_EQ(misspelt.exit_code, 2);
  EXPECT_TRUE(contains(misspelt.err, "expected NAME:fp32, NAME:int8 or NAME:fp8")) << misspelt.err;
}

/// Restores what the cache clips, on pictures of `num_classes` classes.
ProcessResult build_bounded(const std::string& output, int num_classes,
                            const std::vector<std::string>& more, const std::string& size = "64",
                            const ProcessOptions& options = {}) {
  std::vector<std::string> arguments{"build",
                                     checkpoint(),
                                     "-o",
                                     output,
                                     "--size",
                                     size,
                                     "--int8",
                                     "--calib",
                                     clipping_cache(),
                                     "--eval",
                                     few_pictures(num_classes)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vitro(arguments, options);
}

TEST(CliInt8, ProductsAreRestoredUntilTheBoundHolds) {
  const std::string plan = scratch_file("bounded.plan");
  const ProcessResult built = build_bounded(plan, 80, {"--max-drop", "2", "--json"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  const nlohmann::json quant = built.json()["quant"], search = quant["search"];
  EXPECT_EQ(search["max_drop"], 2);
  EXPECT_EQ(search["images"], 80);
  EXPECT_EQ(search["sensitivity_images"], 64);
  ASSERT_EQ(search["sensitivity"].size(), 3u);
  EXPECT_EQ(search["sensitivity"][0]["product"], "patch_embed1.proj") << "whose input is clipped";
  EXPECT_TRUE(search["sensitivity"][0]["restored"]);
  int chosen = 0;
  for (const nlohmann::json& point : search["points"]) {
    if (!point["chosen"]) continue;
    ++chosen;
    EXPECT_LE(point["drop"], 2) << point;
    EXPECT_EQ(point["products"], quant["products"].size());
  }
  EXPECT_EQ(chosen, 1);
  EXPECT_GT(search["points"][0]["drop"], 2) << "all in 8 bits is too much";
  const std::string description =
      std::regex_replace(run_vitro({"inspect", plan}).out, std::regex("\\s+"), " ");
  EXPECT_TRUE(contains(description, "restored for --max-drop")) << description;
  EXPECT_EQ(run_vitro({"inspect", plan, "--quant", "--json"}).json()["quant"], quant);

  const ProcessResult evaluated = run_vitro({"eval", plan, few_pictures(80), "--backend", "cpu",
                                             "--reference", checkpoint(), "--max-drop", "2"});
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.out;
  const std::string shown = run_vitro({"inspect", plan, "--quant"}).out;
  for (const char* part : {"KL / GFLOP", "top-1 %", "chosen", "float32"})
    EXPECT_TRUE(contains(shown, part)) << shown;
}

TEST(CliInt8, ABoundThatHoldsRestoresNothing) {
  const std::string plan = scratch_file("wide.plan"), folder = few_pictures(24);
  const ProcessResult built =
      run_vitro({"build", checkpoint(), "-o", plan, "--size", "64", "--int8", "--calib", folder,
                 "--eval", folder, "--max-drop", "50"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_FALSE(contains(built.out, "KL")) << built.out;
  EXPECT_TRUE(contains(built.out, "pareto, chosen")) << built.out;
  EXPECT_TRUE(contains(built.err, "24 of 24 pictures are also among the")) << built.err;
}

TEST(CliInt8, ABoundOutOfReachFailsAsAGate) {
  const std::string plan = scratch_file("unreached.plan");
  const std::vector<std::string> forced{"--max-drop",           "1",
                                        "--sensitivity-images", "8",
                                        "--layerPrecisions",    "patch_embed1.proj:int8"};
  const ProcessResult text = build_bounded(plan, 24, forced);
  EXPECT_EQ(text.exit_code, 3) << text.err;
  EXPECT_TRUE(contains(text.out, "KL / GFLOP")) << text.out;
  EXPECT_TRUE(contains(text.err, "with 1 product in 8 bits")) << text.err;
  EXPECT_TRUE(contains(text.err, "hint: --layerPrecisions forces")) << text.err;
  std::vector<std::string> json = forced;
  json.push_back("--json");
  EXPECT_EQ(build_bounded(plan, 24, json).json()["error"]["code"], "GateFailed");
  EXPECT_EQ(count_scratch("unreached.plan"), 0);
}

TEST(CliInt8, AnInterruptedSearchWritesNothing) {
  const std::string plan = scratch_file("stopped.plan");
  const ProcessResult result =
      build_bounded(plan, 80, {"--max-drop", "0"}, "448", {.interrupt = true});
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_TRUE(
      contains(result.err, "the search for --max-drop was interrupted; nothing was written"))
      << result.err;
  EXPECT_EQ(count_scratch("stopped.plan"), 0);
}

TEST(CliInt8, BadBoundsAreNamedBeforeAnythingRuns) {
  const std::string plan = scratch_file("refused.plan");
  const auto refused = [&](const std::vector<std::string>& more, int code, const char* message) {
    const ProcessResult result = build_int8(plan, more);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
  };
  const std::string cache = clipping_cache(), folder = model_file("tiny200_val");
  refused({"--int8", "--calib", cache, "--max-drop", "1"}, 2, "--max-drop requires --eval");
  refused({"--int8", "--calib", cache, "--eval", folder}, 2, "--eval requires --max-drop");
  refused({"--int8", "--calib", cache, "--eval", folder, "--max-drop", "-1"}, 2, "from 0 to 100");
  refused({"--int8", "--calib", cache, "--eval", model_file("photos"), "--max-drop", "1"}, 1,
          "photos");
  EXPECT_EQ(count_scratch("refused.plan"), 0);
}

TEST(CliInt8, HelpHasAllOptions) {
  const std::string help = run_vitro({"build", "--help"}).out;
  for (const char* option :
       {"--int8", "--fp8", "--calib FILE|IMAGES", "--calib-method METHOD",
        "--layerPrecisions NAME:fp32|int8|fp8,...", "--max-drop POINTS", "--eval IMAGE_FOLDER",
        "--sensitivity-images N", "--bias-correction none|rounding|sequential",
        "--bias-images IMAGES", "head:int8"})
    EXPECT_TRUE(contains(help, option)) << help;
}

TEST(CliInt8, ADropBelowTheReferenceFailsAGate) {
  const std::string cache = clipping_cache();
  const std::string plan = scratch_file("clips.plan");
  const ProcessResult built = build_int8(plan, {"--int8", "--calib", cache});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  const ProcessResult result =
      run_vitro({"eval", plan, model_file("tiny200_val"), "--limit", "100", "--backend", "cpu",
                 "--reference", checkpoint(), "--max-drop", "0.3"});
  EXPECT_EQ(result.exit_code, 3) << result.out;
  EXPECT_TRUE(contains(result.out, "--max-drop 0.3 failed")) << result.out;
  EXPECT_TRUE(contains(result.err, "more than the 0.3 of --max-drop")) << result.err;
}

TEST(CliInt8, RefusesWhatCannotBeBuilt) {
  const std::string plan = scratch_file("refused.plan");
  const ProcessResult without = build_int8(plan, {"--int8"});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_TRUE(contains(without.err, "--int8 requires --calib")) << without.err;
  const ProcessResult method =
      build_int8(plan, {"--int8", "--calib", model_file("photos"), "--calib-method", "best"});
  EXPECT_EQ(method.exit_code, 2);
  EXPECT_TRUE(contains(method.err, "output-mse")) << method.err;
  const std::string cut = write_scratch("cut.calib", "{\"format\": \"vitro-calibration\", ");
  const ProcessResult broken = build_int8(plan, {"--int8", "--calib", cut});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_TRUE(contains(broken.err, "cut.calib")) << broken.err;
  EXPECT_EQ(build_int8(plan, {"--int8", "--calib", scratch_file("nothing")}).exit_code, 1);
}

}  // namespace
}  // namespace vitro::test
