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

/// Pictures of `dims` -> means of 48 channels; sides are multiples of 4, as the file does not tell.
std::string in_blocks(std::string_view name, const std::vector<int64_t>& dims) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", dims)};
  graph.outputs = {onnx_value("y", {-1, 48})};
  graph.nodes = {
      onnx_node("SpaceToDepth", {"x"}, {"d"}, {onnx_attribute("blocksize", int64_t{4})}, "blocks"),
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

TEST(CliOpenSizes, RefusalsSayWhatElseToGive) {
  const std::string output = scratch_file("refused.plan");
  const std::string fixed = in_blocks("fixed.onnx", {1, 3, 64, 64});
  refuse({"build", open_model(), "-o", output, "--size", "170"}, "open.onnx': reshape 'blocks'",
         "the file leaves the size of pictures open, 170x170 was taken; vitro build --size");
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
