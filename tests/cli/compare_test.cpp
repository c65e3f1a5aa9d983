#include <gtest/gtest.h>

#include <cstring>

#include "cli/subprocess.h"
#include "core/mmap_file.h"
#include "formats/npy.h"
#include "formats/safetensors.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ProcessResult compare(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "compare");
  return run_vitro(arguments);
}

constexpr uint16_t kFloat16NaN = 0x7e00, kFloat16Eight = 0x4800;

/// The checkpoint with another first element in one float16 tensor.
std::string mutated_checkpoint(const std::string& file, const std::string& tensor, uint16_t value) {
  TensorFile weights = read_safetensors(MappedFile::open(checkpoint()));
  std::vector<std::byte> bytes;
  for (TensorEntry& entry : weights.tensors) {
    if (entry.name != tensor) continue;
    EXPECT_EQ(entry.dtype, DType::Float16);
    bytes.assign(entry.bytes.begin(), entry.bytes.end());
    std::memcpy(bytes.data(), &value, sizeof(value));
    entry.bytes = bytes;
  }
  EXPECT_FALSE(bytes.empty()) << tensor;
  const std::string path = scratch_file(file);
  write_safetensors(path, weights.tensors, weights.metadata, 1);
  return path;
}

TEST(CliCompare, BackendsOfOneModel) {
  const ProcessResult result =
      compare({small_plan(), "--backend-b", "reference", "--no-latency", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json["a"]["backend"], "cpu");
  EXPECT_EQ(json["b"]["backend"], "reference");
  EXPECT_EQ(json["input"]["shape"], (std::vector<int64_t>{1, 3, 64, 64}));
  EXPECT_TRUE(json["latency"].is_null());
  EXPECT_TRUE(json["plan_differences"].empty());
  EXPECT_TRUE(json["first_bad_layer"].is_null());
  EXPECT_TRUE(json["not_finite"]["a"].is_null());
  EXPECT_EQ(json["outputs"]["same_class"], 1);
  EXPECT_EQ(json["ops"].size(), json["layers"].size());
  for (const auto& op : json["ops"]) {
    EXPECT_EQ(op["differs"], (std::vector<std::string>{"impls"})) << op;
    const size_t at_least = op["a"][0]["op"] == "mlp" ? 4 : 1;
    EXPECT_GE(op["b"][0]["impls"].size(), at_least) << op;
  }
  for (const auto& layer : json["layers"]) EXPECT_LT(layer["percent_of_bound"], 100) << layer;
}

TEST(CliCompare, ThreadsGiveTheSameBits) {
  const ProcessResult result = compare({small_plan(), "--threads", "2", "--threads-b", "1",
                                        "--bound", "0", "--iterations", "2", "--duration", "0"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"median ms", "ops: 58 in A", "blocks2.1.mlp", "same first class in 1"})
    EXPECT_TRUE(contains(result.out, part)) << part << " in:\n" << result.out;
  EXPECT_TRUE(contains(result.out, "A / B = ") || contains(result.out, "no ratio: ")) << result.out;
}

TEST(CliCompare, NamesTheLayerOfAChangedWeight) {
  const std::string changed =
      mutated_checkpoint("changed.safetensors", "blocks2.1.mlp.fc1.weight", kFloat16Eight);
  const std::vector<std::string> arguments{changed, checkpoint(), "--size", "64", "--no-latency"};
  const ProcessResult text = compare(arguments);
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_TRUE(contains(text.err, "'blocks2.1.mlp' is the first layer beyond the bound"))
      << text.err;
  EXPECT_TRUE(contains(text.out, "source_checksum: ")) << text.out;

  auto with_json = arguments;
  with_json.insert(with_json.end(), {"--json", "--backend", "reference"});
  const nlohmann::json json = compare(with_json).json();
  EXPECT_EQ(json["first_bad_layer"], "blocks2.1.mlp.fc1") << "both run the body: step by step";

  auto loose = arguments;
  loose.insert(loose.end(), {"--bound", "1"});
  EXPECT_EQ(compare(loose).exit_code, 0);
}

TEST(CliCompare, WatchesForNan) {
  const std::string nan =
      mutated_checkpoint("nan_layer.safetensors", "blocks2.1.mlp.fc2.bias", kFloat16NaN);
  const ProcessResult result =
      compare({checkpoint(), nan, "--size", "64", "--no-latency", "--json", "--quiet"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_TRUE(json["not_finite"]["a"].is_null());
  EXPECT_EQ(json["not_finite"]["b"]["first"], "blocks2.1.mlp");
  EXPECT_EQ(json["not_finite"]["b"]["count"], 8 * 8) << "one channel of each place";
  EXPECT_EQ(json["first_bad_layer"], "blocks2.1.mlp");
}

TEST(CliCompare, TakesTensorsAndPictures) {
  const std::string input = scratch_file("compare.npy");
  write_npy(input, Tensor(Dims{3, 3, 64, 32}));
  const std::vector<std::string> same{small_plan(), "--threads-b", "1", "--no-latency", "--json"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), same.begin(), same.end());
    return compare(more);
  };
  EXPECT_EQ(with({"--input", input}).json()["input"]["shape"],
            (std::vector<int64_t>{3, 3, 64, 32}));
  const std::string photo = model_file("photos/coffee.png");
  const nlohmann::json json = with({"--input", photo, "--batch", "2", "--size", "96"}).json();
  EXPECT_EQ(json["input"]["shape"], (std::vector<int64_t>{2, 3, 96, 96}));
  EXPECT_EQ(json["input"]["source"], photo);
  EXPECT_EQ(json["outputs"]["images"], 2);
  EXPECT_EQ(with({"--input", scratch_file("missing.png")}).exit_code, 1);
  EXPECT_EQ(with({"--input", input, "--batch", "2"}).exit_code, 2);
  EXPECT_EQ(compare({small_plan(), scratch_file("missing.plan")}).exit_code, 1);
}

}  // namespace
}  // namespace vitro::test
