// The command lines of trtexec, as people type them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/onnx_bytes.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::test {
namespace {

using nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Pictures of any size, and numbers of the same batch -> their products by class.
const std::string& two_inputs() {
  static const std::string path = [] {
    OnnxGraph graph;
    graph.inputs = {onnx_value("images:0", {-1, 3, -1, -1}), onnx_value("ids", {-1}, 7)};
    graph.outputs = {onnx_value("y", {-1, 2}), onnx_value("z", {-1}, 7)};
    graph.initializers = {onnx_tensor("w", {2, 3, 1, 1}, {1, 2, 3, 4, 5, 6})};
    graph.nodes = {onnx_node("Conv", {"images:0", "w"}, {"c"}, {}, "conv"),
                   onnx_node("GlobalAveragePool", {"c"}, {"p"}), onnx_node("Flatten", {"p"}, {"y"}),
                   onnx_node("Neg", {"ids"}, {"z"})};
    return write_scratch("two_inputs.onnx", onnx_model(graph).text());
  }();
  return path;
}

std::string ranges_of(const std::string& plan) {
  std::string text;
  const Plan loaded = load(plan);
  for (const IoInfo& info : input_infos(Internals::data(loaded).graph))
    for (const DimRange& range : info.dims) text += fmt::format("{}..{} ", range.min, range.max);
  return text;
}

TEST(CliTrtexec, BuildHonoursTheRangesOfShapes) {
  const std::string plan = scratch_file("ranges.plan"), layers = scratch_file("layers.json");
  const ProcessResult built = run_vitro(
      {"build", "--onnx=" + two_inputs(), "--saveEngine=" + plan,
       "--minShapes=images:0:1x3x32x32,ids:1", "--optShapes=images:0:2x3x64x48,ids:2",
       "--maxShapes=images:0:8x3x128x48,ids:8", "--exportLayerInfo=" + layers, "--verbose"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_TRUE(contains(built.err, "fold_shapes")) << built.err;
  EXPECT_EQ(ranges_of(plan), "1..8 3..3 32..128 32..48 1..8 ");
  const Plan loaded = load(plan);
  EXPECT_EQ(input_types(Internals::data(loaded).graph)[0].dims, (Dims{2, 3, 64, 48}));
  const json info = json::parse(read_text(layers));
  EXPECT_EQ(info["Bindings"], (json{"images:0", "ids", "y", "z"}));
  EXPECT_EQ(info["Layers"].back()["LayerType"], "neg");

  const ProcessResult inside =
      run_vitro({"bench", "--loadEngine=" + plan, "--shapes=images:0:4x3x32x32,ids:4",
                 "--iterations=1", "--warmUp=1", "--json"});
  ASSERT_EQ(inside.exit_code, 0) << inside.err;
  EXPECT_EQ(inside.json()[0]["batch"], 4);
  EXPECT_EQ(inside.json()[0]["shape"], (json{4, 3, 32, 32}));
  const ProcessResult outside = run_vitro(
      {"bench", "--loadEngine=" + plan, "--shapes=images:0:9x3x32x32,ids:9", "--iterations=1"});
  EXPECT_EQ(outside.exit_code, 1);
  EXPECT_TRUE(contains(outside.err, "at most 8")) << outside.err;
}

TEST(CliTrtexec, ShapesOfBuildAreTheOnlyOnes) {
  const std::string plan = scratch_file("fixed.plan");
  const ProcessResult built = run_vitro({"build", "--onnx=" + two_inputs(), "--saveEngine=" + plan,
                                         "--shapes=images:0:1x3x8x8,ids:1"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_EQ(ranges_of(plan), "1..1 3..3 8..8 8..8 1..1 ");
}

TEST(CliTrtexec, RangesThatTheModelCannotHaveAreRefused) {
  const auto refused = [](const std::string& flag, const std::string& text) {
    const ProcessResult result =
        run_vitro({"build", two_inputs(), "-o", scratch_file("no.plan"), flag});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(contains(result.err, text)) << result.err;
    EXPECT_FALSE(std::filesystem::exists(scratch_file("no.plan")));
  };
  refused("--optShapes=pictures:1x3x8x8", "no input 'pictures', expected 'images:0', 'ids'");
  refused("--optShapes=images:0:1x4x8x8", "axis 1: 4, the model takes 3");
  refused("--optShapes=images:0:1x3x8", "has 3 extents");
  refused("--fp16", "a plan runs in any precision");
  refused("--minShapes=images:0:2x3x8x8,ids:1", "expected one range for one name");
  const ProcessResult order = run_vitro({"build", two_inputs(), "-o", scratch_file("no.plan"),
                                         "--minShapes=ids:4", "--optShapes=ids:2"});
  EXPECT_EQ(order.exit_code, 1);
  EXPECT_TRUE(contains(order.err, "4 as the least, 2 as the usual and 2 as the largest"))
      << order.err;
  const ProcessResult of_plan = run_vitro({"bench", small_plan(), "--optShapes=1x3x64x64"});
  EXPECT_EQ(of_plan.exit_code, 1);
  EXPECT_TRUE(contains(of_plan.err, "chosen when it was built")) << of_plan.err;
}

TEST(CliTrtexec, BenchProfilesAndSavesWhatItBuilt) {
  const std::string plan = scratch_file("saved.plan"), profile = scratch_file("profile.json"),
                    layers = scratch_file("bench_layers.json");
  const ProcessResult result =
      run_vitro({"bench", "--onnx=" + two_inputs(), "--saveEngine=" + plan,
                 "--shapes=images:0:1x3x8x8,ids:1", "--iterations=2", "--dumpProfile",
                 "--exportProfile=" + profile, "--exportLayerInfo=" + layers, "--fp32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "lost to waiting")) << result.out;
  EXPECT_GT(json::parse(read_text(profile))[0]["count"], 0);
  EXPECT_EQ(json::parse(read_text(layers))["Bindings"].size(), 4u);
  EXPECT_EQ(ranges_of(plan).substr(0, 5), "1..21");
}

TEST(CliTrtexec, ProfileTakesSeveralInputs) {
  const ProcessResult result = run_vitro(
      {"profile", two_inputs(), "--iterations", "2", "--size", "16", "--batch", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["shape"], (json{2, 3, 16, 16}));
}

}  // namespace
}  // namespace vitro::test
