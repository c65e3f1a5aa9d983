// ONNX models that leave the size of pictures open, and what their nodes do not take.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "formats/onnx_bytes.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Pictures of `dims` -> means of 48 channels, or 3 * block²; sides are multiples of `block`, as
/// the file does not tell.
std::string in_blocks(std::string_view name, const std::vector<int64_t>& dims, int64_t block = 4) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", dims)};
  graph.outputs = {onnx_value("y", {-1, 3 * block * block})};
  graph.nodes = {
      onnx_node("SpaceToDepth", {"x"}, {"d"}, {onnx_attribute("blocksize", block)}, "blocks"),
      onnx_node("GlobalAveragePool", {"d"}, {"p"}), onnx_node("Flatten", {"p"}, {"y"})};
  return write_scratch(name, onnx_model(graph).text());
}

const std::string& open_model() {
  static const std::string path = in_blocks("open.onnx", {-1, 3, -1, -1});
  return path;
}

ProcessResult run_at(const std::string& model, const Dims& dims) {
  const std::string x = scratch_file("sized.npy");
  write_npy(x, Tensor(dims));
  return run_vitro({"run", model, "-i", x, "-o", scratch_file("sized_y.npy")});
}

void refuse(const std::vector<std::string>& arguments, const std::string& error,
            const std::string& hint) {
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_TRUE(contains(result.err, error)) << error << " in " << result.err;
  EXPECT_TRUE(contains(result.err, "hint: " + hint)) << hint << " in " << result.err;
}

TEST(CliOpenSizes, RunWhereTheNodesTakeThem) {
  const std::string plan = scratch_file("open.plan");
  const ProcessResult built = run_vitro({"build", open_model(), "-o", plan});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  for (const std::string& model : {open_model(), plan})
    for (const Dims& dims : {Dims{1, 3, 32, 64}, Dims{2, 3, 20, 36}}) {
      const ProcessResult result = run_at(model, dims);
      EXPECT_EQ(result.exit_code, 0) << result.err;
      EXPECT_EQ(read_npy(scratch_file("sized_y.npy")).dims(), (Dims{dims[0], 48}));
    }
  const ProcessResult refused = run_at(plan, {1, 3, 30, 32});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "cannot become")) << refused.err;
}

TEST(CliOpenSizes, WhatIsRunAtASizeIsBuiltForIt) {
  const std::string model = in_blocks("fives.onnx", {-1, 3, -1, -1}, 5);  // 224 is none of theirs
  const std::vector<std::vector<std::string>> command_lines{
      {"bench", model, "--iterations", "1"},
      {"profile", model, "--iterations", "1"},
      {"compare", model, "--backend-b", "reference", "--no-latency"},
      {"inspect", model, "--memory"}};
  for (std::vector<std::string> arguments : command_lines) {
    const ProcessResult refused = run_vitro(arguments);
    EXPECT_EQ(refused.exit_code, 1) << arguments[0];
    EXPECT_TRUE(contains(refused.err, "224x224 was taken; --size HxW")) << refused.err;
    arguments.insert(arguments.end(), {"--size", "40x60"});
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
  }
  for (const char* verb : {"bench", "profile"}) {
    const ProcessResult result =
        run_vitro({verb, model, "--iterations", "1", "--shapes", "2x3x40x60"});
    EXPECT_EQ(result.exit_code, 0) << verb << ": " << result.err;
  }
}

TEST(CliOpenSizes, ChannelsMayBeLast) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {-1, -1, -1, 3})};
  graph.outputs = {onnx_value("y", {-1, 75})};
  graph.nodes = {
      onnx_node("Transpose", {"x"}, {"t"},
                {onnx_attribute("perm", std::vector<int64_t>{0, 3, 1, 2})}),
      onnx_node("SpaceToDepth", {"t"}, {"d"}, {onnx_attribute("blocksize", 5)}, "blocks"),
      onnx_node("GlobalAveragePool", {"d"}, {"p"}), onnx_node("Flatten", {"p"}, {"y"})};
  const std::string model = write_scratch("channels_last.onnx", onnx_model(graph).text());
  for (const char* option : {"--size=40x60", "--shapes=2x40x60x3"}) {
    const ProcessResult result = run_vitro({"bench", model, "--iterations", "1", option});
    EXPECT_EQ(result.exit_code, 0) << option << ": " << result.out << result.err;
  }
}

TEST(CliOpenSizes, ASizeThatTheNodesRefuseIsARowOfItsOwn) {
  const std::string model = in_blocks("fives.onnx", {-1, 3, -1, -1}, 5);
  const ProcessResult result =
      run_vitro({"bench", model, "--iterations", "1", "--size", "41,40,42", "--json"});
  EXPECT_EQ(result.exit_code, 1);
  const nlohmann::json rows = result.json();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_FALSE(rows[0]["error"].is_null());
  EXPECT_TRUE(rows[1]["error"].is_null()) << rows[1]["error"];
  EXPECT_FALSE(rows[2]["error"].is_null());
}

TEST(CliOpenSizes, RefusalsSayWhatElseToGive) {
  const std::string output = scratch_file("refused.plan");
  const std::string fixed = in_blocks("fixed.onnx", {1, 3, 64, 64});
  refuse({"build", open_model(), "-o", output, "--size", "170"}, "open.onnx': reshape 'blocks'",
         "the file leaves the size of pictures open, 170x170 was taken; --size HxW takes another");
  for (const char* option : {"--size=170", "--shapes=1x3x170x170"})
    refuse({"build", fixed, "-o", output, option},
           "fixed.onnx': input 'x': its height is 64, which cannot become 170",
           "export the model with open height and width");
  refuse({"build", checkpoint(), "-o", output, "--size", "170"},
         "input height 170 (flag): expected a multiple of 32 from 32 to 16384 pixels",
         "the nearest are 160 and 192");
  refuse({"build", checkpoint(), "-o", output, "--size", "224x16"}, "input width 16",
         "the nearest is 32");
  refuse({"classify", open_model(), "x.png", "--size", "20000"},
         "input height 20000 (flag): expected 1 to 16384 pixels", "the nearest is 16384");
  EXPECT_EQ(count_scratch("refused.plan"), 0);
}

TEST(CliOpenSizes, RangesThatAreNoneAreNamed) {
  const auto refused = [](const std::vector<std::string>& ranges, const std::string& error) {
    std::vector<std::string> arguments{"build", open_model(), "-o", scratch_file("refused.plan")};
    arguments.insert(arguments.end(), ranges.begin(), ranges.end());
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_TRUE(contains(result.err, error)) << error << " in " << result.err;
  };
  refused({"--minShapes=x:1x3x64"}, "input 'x': 1x3x64 has 3 extents, expected d0 x 3 x d2 x d3");
  refused({"--maxShapes=images:1x3x64x64"}, "the model has no input 'images', expected 'x'");
  refused({"--shapes=1x4x64x64"}, "input 'x', axis 1: 4, the model takes 3");
  refused({"--minShapes=8x3x64x64", "--maxShapes=1x3x64x64"},
          "'d0': 8 as the least, 1 as the usual and 1 as the largest, expected them in this order");
}

}  // namespace
}  // namespace vitro::test
