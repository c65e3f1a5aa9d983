#include "runtime/export.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"
#include "frontend/onnx/import.h"
#include "runtime/evaluate.h"

namespace vitro {
namespace {

constexpr int64_t kChannels = 48;

/// Two products, whose weights are most of the model.
std::string model_bytes() {
  std::vector<float> weights(kChannels * kChannels);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 11) / 11 - 0.4f;
  test::OnnxGraph graph;
  graph.inputs = {test::onnx_value("x", {-1, kChannels})};
  graph.outputs = {test::onnx_value("y", {-1, kChannels})};
  graph.initializers = {test::onnx_tensor("a", {kChannels, kChannels}, weights)};
  std::reverse(weights.begin(), weights.end());
  graph.initializers.push_back(test::onnx_tensor("b", {kChannels, kChannels}, weights));
  graph.nodes = {test::onnx_node("MatMul", {"x", "a"}, {"h"}),
                 test::onnx_node("Tanh", {"h"}, {"t"}),
                 test::onnx_node("MatMul", {"t", "b"}, {"y"})};
  return test::onnx_model(graph).text();
}

class ExportModel : public testing::Test {
 protected:
  void SetUp() override { std::ofstream(model_, std::ios::binary) << model_bytes(); }

  test::TemporaryDirectory folder_;
  std::filesystem::path model_ = folder_ / "model.onnx";
};

TEST_F(ExportModel, WritesWeightsBesideAModelThatIsTooLarge) {
  const std::filesystem::path file = folder_ / "written.onnx", data = folder_ / "written.onnx.data";
  std::ofstream(data) << "old";
  const ExportReport report = export_model(model_, file, {.most_bytes = 4096});
  EXPECT_EQ(report.data_file, data);
  const uint64_t matrix = kChannels * kChannels * sizeof(float);
  EXPECT_EQ(report.data_bytes, (matrix + 4095) / 4096 * 4096 + matrix);
  EXPECT_EQ(std::filesystem::file_size(data), report.data_bytes);
  EXPECT_LE(std::filesystem::file_size(file), 4096u);
  // What is read from the folder is the model that it was.
  const Graph read = import_onnx(file, {.evaluate = evaluate_constants}).graph,
              before = import_onnx(model_, {.evaluate = evaluate_constants}).graph;
  for (const ResultsAt& at : compare_results(before, read)) EXPECT_LE(at.error, kMostExportError);
  EXPECT_TRUE(export_model(model_, file).data_file.empty());
}

TEST_F(ExportModel, WritesBothFilesOrNone) {
  const auto refused = [&](ErrorCode code, const std::string& file, uint64_t most) {
    test::expect_error(code, "",
                       [&] { export_model(model_, folder_ / file, {.most_bytes = most}); });
  };
  refused(ErrorCode::Unsupported, "small.onnx", 20);
  std::filesystem::create_directory(folder_ / "taken.onnx.data");
  refused(ErrorCode::DeviceError, "taken.onnx", 4096);
  refused(ErrorCode::DeviceError, "no_folder/written.onnx", 4096);
  auto entries = folder_.entries();
  std::sort(entries.begin(), entries.end());
  EXPECT_EQ(entries, (std::vector<std::string>{"model.onnx", "taken.onnx.data"}));
}

}  // namespace
}  // namespace vitro
