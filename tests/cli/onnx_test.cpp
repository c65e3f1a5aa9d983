// An ONNX model wherever a model may be.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "formats/onnx_bytes.h"
#include "formats/onnx_model.h"
#include "vitro/vitro.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Pictures of any size -> means of 5 convolved channels.
const std::string& classifier() {
  static const std::string path = [] {
    OnnxGraph graph;
    graph.inputs = {onnx_value("x", {-1, 3, -1, -1})};
    graph.outputs = {onnx_value("y", {-1, 5})};
    std::vector<float> weights(5 * 3 * 3 * 3);
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 7) / 7 - 0.4f;
    graph.initializers = {onnx_tensor("w", {5, 3, 3, 3}, weights),
                          onnx_tensor("b", {5}, {1, 2, 3, 4, 5})};
    graph.nodes = {
        onnx_node("Conv", {"x", "w", "b"}, {"c"}, {onnx_attribute("pads", {1, 1, 1, 1})}, "conv"),
        onnx_node("Relu", {"c"}, {"r"}), onnx_node("GlobalAveragePool", {"r"}, {"p"}),
        onnx_node("Flatten", {"p"}, {"y"})};
    return write_scratch("classifier.onnx", onnx_model(graph).text());
  }();
  return path;
}

/// The same with ports of half floats.
std::string half_classifier() {
  constexpr int64_t kFloat = 1, kHalf = 10;
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {-1, 3, -1, -1}, kHalf)};
  graph.outputs = {onnx_value("y", {-1, 3}, kHalf)};
  graph.nodes = {onnx_node("Cast", {"x"}, {"a"}, {onnx_attribute("to", kFloat)}),
                 onnx_node("Relu", {"a"}, {"b"}), onnx_node("GlobalAveragePool", {"b"}, {"c"}),
                 onnx_node("Flatten", {"c"}, {"d"}),
                 onnx_node("Cast", {"d"}, {"y"}, {onnx_attribute("to", kHalf)})};
  return write_scratch("half.onnx", onnx_model(graph).text());
}

/// Two inputs of two types, two outputs.
const std::string& lookup() {
  static const std::string path = [] {
    OnnxGraph graph;
    graph.inputs = {onnx_value("table", {4, 2}), onnx_value("ids", {-1}, 7)};
    graph.outputs = {onnx_value("rows", {-1, 2}), onnx_value("a/b", {-1}, 7)};
    graph.nodes = {onnx_node("Gather", {"table", "ids"}, {"rows"}),
                   onnx_node("Neg", {"ids"}, {"a/b"})};
    return write_scratch("lookup.onnx", onnx_model(graph).text());
  }();
  return path;
}

std::string ids_file() {
  Tensor ids(DType::Int64, {3});
  for (size_t i = 0; i < 3; ++i) ids.as<int64_t>()[i] = static_cast<int64_t>(3 - i);
  const std::string path = scratch_file("ids.npy");
  write_npy(path, ids);
  return path;
}

std::string table_file() {
  Tensor table(Dims{4, 2});
  for (size_t i = 0; i < 8; ++i) table.as<float>()[i] = static_cast<float>(i);
  const std::string path = scratch_file("table.npy");
  write_npy(path, table);
  return path;
}

TEST(CliOnnx, IsAModelForEveryVerb) {
  const std::string plan = scratch_file("onnx.plan"), x = scratch_file("onnx_x.npy");
  const ProcessResult built = run_vitro({"build", classifier(), "-o", plan});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  Tensor pictures(Dims{2, 3, 40, 24});
  for (size_t i = 0; i < pictures.as<float>().size(); ++i)
    pictures.as<float>()[i] = static_cast<float>(i % 13) / 13;
  write_npy(x, pictures);
  std::string outputs[2];
  for (int i = 0; i < 2; ++i) {
    const std::string y = scratch_file("onnx_y.npy");
    const ProcessResult run = run_vitro({"run", i == 0 ? plan : classifier(), "-i", x, "-o", y});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(read_npy(y).dims(), (Dims{2, 5}));
    outputs[i] = read_text(y);
  }
  EXPECT_TRUE(outputs[0] == outputs[1]);
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"bench", classifier(), "--iterations", "1", "--warmup", "1"},
           {"profile", classifier()},
           {"compare", classifier(), plan},
           {"inspect", classifier(), "--why"}}) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
  }
}

TEST(CliOnnx, InspectTellsWhereItComesFrom) {
  const nlohmann::json json = run_vitro({"inspect", classifier(), "--json"}).json();
  EXPECT_EQ(json["architecture"], "ONNX opset 17 by test ");
  EXPECT_EQ(json["classes"], 5);
  EXPECT_EQ(json["ops"]["transpose"], 1);
}

TEST(CliOnnx, PreprocessingComesFromFlagsOrMetadataOrIsGuessed) {
  const std::string picture = std::string(VITRO_SOURCE_DIR) + "/tests/image/data/png_1x1.png";
  const ProcessResult guessed = run_vitro({"classify", classifier(), picture});
  EXPECT_EQ(guessed.exit_code, 0) << guessed.err;
  EXPECT_TRUE(contains(guessed.err, "preprocessing is guessed")) << guessed.err;
  const std::string plan = scratch_file("sized.plan");
  const ProcessResult built = run_vitro({"build", classifier(), "-o", plan, "--size", "50x70"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_EQ(load(plan).classifier().preprocessing.height, 50);
  EXPECT_EQ(load(plan).classifier().origins.at("size"), "flag");
}

TEST(CliOnnx, ModelsOfHalfFloatsTakePictures) {
  const std::string picture = std::string(VITRO_SOURCE_DIR) + "/models/photos/coffee.png";
  const ProcessResult classified = run_vitro({"classify", half_classifier(), picture, "--json"});
  ASSERT_EQ(classified.exit_code, 0) << classified.err;
  EXPECT_EQ(classified.json()["images"][0]["predictions"].size(), 3u) << classified.out;
  const ProcessResult compared =
      run_vitro({"compare", half_classifier(), "--backend-b", "reference", "--no-latency"});
  EXPECT_EQ(compared.exit_code, 0) << compared.err;
}

TEST(CliOnnx, RunTakesInputsByNameAndWritesAllOutputs) {
  const std::string folder = scratch_file("outputs");
  const ProcessResult result =
      run_vitro({"run", lookup(), "-i", "ids=" + ids_file(), "--input", "table=" + table_file(),
                 "--output-dir", folder, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Tensor rows = read_npy(folder + "/rows.npy"), negated = read_npy(folder + "/a_b.npy");
  EXPECT_EQ(rows.dims(), (Dims{3, 2}));
  EXPECT_EQ(rows.as<float>()[0], 6.0f);
  EXPECT_EQ(negated.dtype(), DType::Int64);
  EXPECT_EQ(negated.as<int64_t>()[0], -3);
  EXPECT_EQ(result.json()["outputs"][1]["name"], "a/b");
}

TEST(CliOnnx, RunNamesTheInputThatIsWrong) {
  const std::string folder = scratch_file("wrong_outputs"), ids = "ids=" + ids_file();
  const auto refused = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.begin(), {"run", lookup(), "--output-dir", folder});
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(contains(result.err, text)) << result.err;
  };
  refused({"-i", ids}, "input 'table' is not given");
  refused({"-i", ids_file()}, "the model has 2 inputs, table, ids");
  refused({"-i", ids, "-i", ids}, "given twice");
  refused({"-i", "ids=" + table_file(), "-i", "table=" + table_file()},
          "elements of F32, expected I64 for input 'ids'");
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(CliOnnx, CoverageListsWhatIsNotSupported) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {1, 4})};
  graph.outputs = {onnx_value("y", {1, 4})};
  graph.nodes = {onnx_node("Relu", {"x"}, {"a"}), onnx_node("Foo", {"a"}, {"b"}, {}, "foo node"),
                 onnx_node("Bar", {"b"}, {"y"}, {}, "bar node")};
  const std::string model = write_scratch("unsupported.onnx", onnx_model(graph).text());
  const ProcessResult text = run_vitro({"inspect", model, "--coverage"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "1 of 3 nodes are supported")) << text.out;
  const nlohmann::json json = run_vitro({"inspect", model, "--coverage", "--json"}).json();
  EXPECT_EQ(json["unsupported"].size(), 2u) << json;
  EXPECT_EQ(json["unsupported"][1]["node"], "bar node");
  const ProcessResult refused = run_vitro({"build", model, "-o", scratch_file("no.plan")});
  EXPECT_EQ(refused.exit_code, 1);
  for (const char* part : {"2 of 3 nodes", "Foo 'foo node'", "Bar 'bar node'", "--coverage"})
    EXPECT_TRUE(contains(refused.err, part)) << refused.err;
}

/// A gelu in pieces, channels and extents open, a weight that two nodes share.
std::string gelu_model() {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {-1, 4, -1, -1})};
  graph.outputs = {onnx_value("y", {-1, 4, -1, -1})};
  std::vector<float> weights(4 * 4);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 5) / 5 - 0.4f;
  graph.initializers = {onnx_tensor("w", {4, 4, 1, 1}, weights),
                        onnx_tensor("root", {}, {1.414214f}), onnx_tensor("one", {}, {1}),
                        onnx_tensor("half", {}, {0.5f})};
  graph.nodes = {onnx_node("Conv", {"x", "w"}, {"a"}), onnx_node("Div", {"a", "root"}, {"b"}),
                 onnx_node("Erf", {"b"}, {"c"}),       onnx_node("Add", {"c", "one"}, {"d"}),
                 onnx_node("Mul", {"a", "d"}, {"e"}),  onnx_node("Mul", {"e", "half"}, {"f"}),
                 onnx_node("Identity", {"f"}, {"g"}),  onnx_node("Conv", {"g", "w"}, {"y"})};
  return write_scratch("gelu.onnx", onnx_model(graph).text());
}

TEST(CliOnnx, OptimizeWritesAnEqualModel) {
  const std::string model = gelu_model(), better = scratch_file("better.onnx");
  for (const auto& [opset, nodes] : std::map<std::string, size_t>{{"17", 7}, {"20", 3}}) {
    const ProcessResult result =
        run_vitro({"optimize", model, "-o", better, "--opset", opset, "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const nlohmann::json json = result.json();
    EXPECT_EQ(json["nodes_before"]["Identity"], 1);
    EXPECT_EQ(json["nodes_after"].value("Gelu", 0), opset == "20" ? 1 : 0);
    EXPECT_TRUE(json["transposes"].empty()) << json;
    EXPECT_EQ(json["checks"].size(), 2u) << json;
    const std::string bytes = read_text(better);
    const auto read = onnx::parse_model(std::as_bytes(std::span(bytes)), better);
    EXPECT_EQ(read.graph.nodes.size(), nodes);
    EXPECT_EQ(read.graph.inputs.at(0).name, "x");
    EXPECT_EQ(read.graph.inputs[0].shape->at(3).symbol, "d3");
    EXPECT_EQ(read.graph.outputs.at(0).shape->at(2).symbol, "d2");
    EXPECT_EQ(read.graph.outputs[0].name, "y");
    size_t matrices = 0;
    for (const onnx::Tensor& tensor : read.graph.initializers) matrices += tensor.dims.size() == 4;
    EXPECT_EQ(matrices, 1u);
  }
  const ProcessResult text = run_vitro({"optimize", model, "-o", better});
  EXPECT_TRUE(contains(text.out, "before")) << text.out;
  EXPECT_TRUE(contains(text.out, "checked")) << text.out;
}

TEST(CliOnnx, WhatCannotBeWrittenLeavesTheOldFile) {
  const std::string old = write_scratch("old.onnx", "old");
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {1, 2, 6})};
  graph.outputs = {onnx_value("y", {1, 2, 4})};
  graph.nodes = {onnx_node("AveragePool", {"x"}, {"y"},
                           {onnx_attribute("kernel_shape", std::vector<int64_t>{2}),
                            onnx_attribute("dilations", std::vector<int64_t>{2})},
                           "gaps")};
  const std::string model = write_scratch("gaps.onnx", onnx_model(graph, 19).text());
  const ProcessResult refused = run_vitro({"optimize", model, "-o", old});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "'gaps' cannot be written in opset 17")) << refused.err;
  EXPECT_EQ(read_text(old), "old");
  EXPECT_EQ(run_vitro({"optimize", model, "-o", old, "--opset", "20"}).exit_code, 0);
  EXPECT_EQ(run_vitro({"optimize", model, "-o", model}).exit_code, 1);
  EXPECT_EQ(run_vitro({"optimize", model, "-o", old, "--opset", "12"}).exit_code, 2);
}

TEST(CliOnnx, ExportWritesACheckpointOrAPlan) {
  const std::string written = scratch_file("exported.onnx"), again = scratch_file("again.onnx");
  const ProcessResult result = run_vitro({"export", checkpoint(), "-o", written, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(result.json()["nodes_before"].is_null());
  // Read again it is the model that it was, with its preprocessing.
  const nlohmann::json from_file = run_vitro({"inspect", written, "--json"}).json(),
                       from_checkpoint = run_vitro({"inspect", checkpoint(), "--json"}).json();
  EXPECT_EQ(from_file["ops"], from_checkpoint["ops"]);
  EXPECT_EQ(from_file["preprocessing"], from_checkpoint["preprocessing"]);
  EXPECT_EQ(from_file["classes"], from_checkpoint["classes"]);
  const ProcessResult of_plan = run_vitro({"export", plan(), "-o", again, "--json"});
  ASSERT_EQ(of_plan.exit_code, 0) << of_plan.err;
  EXPECT_EQ(of_plan.json()["nodes_after"], result.json()["nodes_after"]);
  const ProcessResult refused = run_vitro({"optimize", plan(), "-o", again});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "vitro export")) << refused.err;
}

TEST(CliOnnx, ExportWritesProductsInEightBits) {
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {-1, 4})};
  graph.outputs = {onnx_value("y", {-1, 3})};
  graph.initializers = {onnx_tensor("scale", {}, {0.05f}),
                        onnx_tensor("w", {4, 3}, {1, 2, 3, -4, 5, 6, 7, 8, -9, 10, 127, 11})};
  graph.nodes = {onnx_node("QuantizeLinear", {"x", "scale"}, {"q"}),
                 onnx_node("DequantizeLinear", {"q", "scale"}, {"d"}),
                 onnx_node("MatMul", {"d", "w"}, {"y"}, {}, "fc")};
  const std::string model = write_scratch("codes.onnx", onnx_model(graph).text()),
                    written = scratch_file("codes_written.onnx");
  const ProcessResult result = run_vitro({"export", model, "--qdq", "-o", written, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["nodes_after"]["QuantizeLinear"], 1);
  EXPECT_EQ(result.json()["nodes_after"]["DequantizeLinear"], 2);
  for (const std::string& file : {model, written}) {
    const ProcessResult shown = run_vitro({"inspect", file, "--why"});
    EXPECT_TRUE(contains(shown.out, "quantized_linear")) << shown.out;
  }
  const ProcessResult refused = run_vitro({"export", checkpoint(), "--qdq", "-o", written});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "has no products in 8 bits")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "--calib")) << refused.err;
}

TEST(CliOnnx, IsRefusedWithTheNameOfTheFile) {
  const auto refused = [](const std::string& content, const std::string& text) {
    const std::string model = write_scratch("broken.onnx", content);
    const ProcessResult result = run_vitro({"inspect", model});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(contains(result.err, text)) << result.err;
    EXPECT_TRUE(contains(result.err, "broken.onnx")) << result.err;
  };
  const std::string valid = read_text(classifier());
  refused("", "is empty");
  refused(valid.substr(0, valid.size() / 2), "bytes wanted");
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer");
  const ProcessResult result = run_vitro({"inspect", classifier(), "--arch", "uniformer_small"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "is an ONNX model")) << result.err;
}

}  // namespace
}  // namespace vitro::test
