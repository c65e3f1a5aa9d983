#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/safetensors.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The shipped weights under `prefix`, beside as many zeros under `other` and two strangers.
std::string two_models(const std::string& prefix, const std::string& other) {
  const TensorFile shipped = read_safetensors(MappedFile::open(checkpoint()));
  const std::vector<std::byte> zeros(8 << 20);
  std::vector<TensorEntry> tensors;
  for (const TensorEntry& tensor : shipped.tensors) {
    tensors.push_back(tensor);
    tensors.back().name = prefix + tensor.name;
    tensors.push_back(tensor);
    tensors.back().name = other + tensor.name;
    tensors.back().bytes = std::span(zeros).first(tensor.bytes.size());
  }
  for (const char* name : {"n_averaged", "criterion.weight"})
    tensors.push_back({name, DType::Float32, {1}, std::span(zeros).first(4)});
  const std::string path = scratch_file("two_models.safetensors");
  write_safetensors(path, tensors, shipped.metadata, 1);
  return path;
}

TEST(CliWeightsKey, SaysWhichOfTwoModelsItTookAndTakesTheOther) {
  const auto best = [](const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"classify", model_file("photos/coffee.png"), "--json"};
    arguments.insert(arguments.begin() + 1, options.begin(), options.end());
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return std::pair(result.json()["images"][0]["predictions"][0], result.err);
  };
  const auto right = best({checkpoint()}).first;
  const std::string averaged = two_models("ema.", "model.");
  const auto [taken, warning] = best({averaged});
  EXPECT_EQ(taken["class"], right["class"]);
  EXPECT_EQ(taken["probability"], right["probability"]);
  EXPECT_TRUE(contains(warning, "took the weights under 'ema'")) << warning;
  EXPECT_TRUE(contains(warning, "take those under 'model' with --weights-key model")) << warning;
  EXPECT_EQ(best({averaged, "--weights-key", "model"}).first["probability"], 0.005) << "zeros";

  const std::string taught = two_models("student.", "teacher.");
  const ProcessResult refused = run_vitro({"inspect", taught});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.err, "2 models: 'student', 'teacher'")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "--weights-key student or --weights-key teacher"));
  EXPECT_EQ(best({taught, "--weights-key", "student"}).first["class"], right["class"]);
  std::filesystem::remove(taught);
}

TEST(CliWeightsKey, EveryVerbThatReadsACheckpointTakesIt) {
  for (const char* verb :
       {"classify", "build", "run", "bench", "profile", "eval", "compare", "inspect"})
    EXPECT_TRUE(contains(run_vitro({verb, "--help"}).out, "--weights-key NAME")) << verb;
}

TEST(CliInspect, ListsWhatWasPassedOver) {
  const std::string model = two_models("module.", "ema.module.");
  const std::string saved = scratch_file("passed_over.plan");
  const ProcessResult built = run_vitro({"build", model, "-o", saved, "--weights-key", "ema"});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_TRUE(contains(built.err, "warning: stripped 'ema.module.'")) << built.err;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"inspect", model, "--weights", "--weights-key", "ema"},
        {"inspect", saved, "--weights"}}) {
    const std::string text = run_vitro(arguments).out;
    EXPECT_TRUE(contains(text, "(passed over: 316 tensors)")) << text;
    for (const char* name : {"n_averaged", "criterion", "module"})
      EXPECT_TRUE(contains(text, fmt::format("\n{} ", name))) << name;
  }
  const nlohmann::json json = run_vitro({"inspect", saved, "--weights", "--json"}).json();
  EXPECT_EQ(json["weights"].size(), 316u);
  EXPECT_EQ(json["passed_over"].size(), 3u);
  EXPECT_EQ(json["passed_over"][0], (nlohmann::json{{"name", "criterion"}, {"tensors", 1}}));
  const ProcessResult inspected = run_vitro({"inspect", saved});
  EXPECT_TRUE(contains(inspected.out, "stripped 'ema.module.'")) << inspected.out;
  EXPECT_EQ(inspected.err, "") << "it was said when the checkpoint was read";
  std::filesystem::remove(model);
  std::filesystem::remove(saved);
}

TEST(CliShards, AreBuiltFromTheirFolderAndNotOverwritten) {
  const std::filesystem::path folder = scratch() / "sharded";
  std::filesystem::create_directory(folder);
  const std::string shard = (folder / "model-00001-of-00001.safetensors").string();
  std::filesystem::copy_file(checkpoint(), shard);
  std::string map;
  for (const TensorEntry& tensor : read_safetensors(MappedFile::open(checkpoint())).tensors)
    map += fmt::format("{}\"{}\": \"model-00001-of-00001.safetensors\"", map.empty() ? "" : ", ",
                       tensor.name);
  const std::string index =
      write_scratch("sharded/model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
  for (const std::string& model : {folder.string(), index}) {
    EXPECT_EQ(run_vitro({"build", model, "-o", shard}).exit_code, 1);
    for (int i = 0; i < 2; ++i) {  // the second time over the plan
      const ProcessResult built =
          run_vitro({"build", model, "-o", (folder / "model.plan").string(), "--json"});
      EXPECT_EQ(built.exit_code, 0) << built.err;
      EXPECT_EQ(built.json()["source"], "model.safetensors.index.json");
    }
  }
  EXPECT_EQ(std::filesystem::file_size(shard), std::filesystem::file_size(checkpoint()));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vitro::test
