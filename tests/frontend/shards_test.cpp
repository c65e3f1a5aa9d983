#include "frontend/checkpoint/shards.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "frontend/checkpoint/checkpoint.h"

namespace vitro {
namespace {

using test::expect_error;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

std::filesystem::path shipped_path() {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "models/uniformer_small_tiny200.safetensors";
}

/// The shipped model in two files.
class ShardsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const TensorFile file = read_safetensors(MappedFile::open(shipped_path()));
    std::vector<TensorEntry> parts[2];
    std::string map;
    for (size_t i = 0; i < file.tensors.size(); ++i) {
      parts[i % 2].push_back(file.tensors[i]);
      map += fmt::format("{}\"{}\": \"{}\"", i == 0 ? "" : ",\n", file.tensors[i].name,
                         i % 2 == 0 ? kFirst : kSecond);
    }
    write_safetensors(folder_ / kFirst, parts[0], {{"format", "pt"}}, 1);
    write_safetensors(folder_ / kSecond, parts[1], {{"format", "pt"}}, 1);
    write(kIndex, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + map + "}}");
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  test::TemporaryDirectory folder_;
};

TEST_F(ShardsTest, AreReadByTheirIndexOrTheirFolder) {
  const ImportedModel whole = import_checkpoint(shipped_path());
  const ImportedModel by_index = import_checkpoint(folder_ / kIndex);
  const ImportedModel by_folder = import_checkpoint(folder_.path());
  EXPECT_TRUE(by_index.info.notes.empty());
  EXPECT_EQ(by_index.info.source, kIndex);
  EXPECT_EQ(by_folder.info.source, kIndex);
  EXPECT_EQ(by_folder.info.source_checksum, by_index.info.source_checksum);
  ASSERT_EQ(by_index.ledger.size(), whole.ledger.size());
  for (size_t i = 0; i < whole.ledger.size(); ++i) {
    EXPECT_EQ(by_index.ledger[i].name, whole.ledger[i].name);
    EXPECT_EQ(by_index.ledger[i].checksum, whole.ledger[i].checksum);
  }
}

TEST_F(ShardsTest, MetadataLiesBesideTheModel) {
  write("model.config.json", R"({"pretrained_cfg": {"crop_pct": 0.5}})");
  EXPECT_EQ(import_checkpoint(folder_.path()).info.classifier->preprocessing.crop_pct, 0.5);
}

TEST_F(ShardsTest, OneOfThemIsNoModel) {
  try {
    import_checkpoint(folder_ / kFirst);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("is one of the 2 files"), std::string::npos) << e.what();
    EXPECT_NE(e.hint().find("*.index.json"), std::string::npos) << e.hint();
  }
  std::filesystem::copy_file(shipped_path(), folder_ / "model-00001-of-00001.safetensors");
  EXPECT_EQ(import_checkpoint(folder_ / "model-00001-of-00001.safetensors").ledger.size(), 316u);
}

TEST_F(ShardsTest, SaysWhatIsMissing) {
  std::filesystem::remove(folder_ / kSecond);
  expect_error(ErrorCode::NotFound, kSecond, [&] { import_checkpoint(folder_.path()); });
  std::filesystem::copy_file(folder_ / kFirst, folder_ / kSecond);
  expect_error(ErrorCode::CorruptFile, "has no tensor", [&] { import_checkpoint(folder_.path()); });
}

TEST_F(ShardsTest, ATensorInTwoFilesIsRefused) {
  std::filesystem::copy_file(shipped_path(), folder_ / kSecond,
                             std::filesystem::copy_options::overwrite_existing);
  expect_error(ErrorCode::CorruptFile, "is in two files",
               [&] { import_checkpoint(folder_.path()); });
}

TEST_F(ShardsTest, FoldersWithoutAnIndexSayWhatIsInThem) {
  std::filesystem::remove(folder_ / kIndex);
  try {
    import_checkpoint(folder_.path());
    ADD_FAILURE() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_NE(std::string(e.what()).find("without the index"), std::string::npos) << e.what();
    EXPECT_NE(e.hint().find(kFirst), std::string::npos) << e.hint();
  }
  write("a.index.json", "{}");
  write("b.index.json", "{}");
  expect_error(ErrorCode::InvalidArgument, "2 checkpoints: a.index.json, b.index.json",
               [&] { import_checkpoint(folder_.path()); });
  const test::TemporaryDirectory distributed;
  std::ofstream(distributed / "__0_0.distcp") << "x";
  expect_error(ErrorCode::Unsupported, "distributed checkpoint",
               [&] { import_checkpoint(distributed.path()); });
}

TEST(ShardIndex, NamesFilesBesideItOnly) {
  const auto expect_refused = [](const std::string& text, const std::string& json) {
    SCOPED_TRACE(json);
    expect_error(ErrorCode::CorruptFile, text, [&] { parse_shard_index(json, "x.index.json"); });
  };
  EXPECT_EQ(parse_shard_index(R"({"weight_map": {"a": "f"}})", "x").at("a"), "f");
  expect_refused("not valid JSON", "{");
  expect_refused("without a weight_map", "{}");
  expect_refused("without a weight_map", "[]");
  expect_refused("without a weight_map", R"({"weight_map": []})");
  expect_refused("without a weight_map", R"({"weight_map": {}})");
  for (const char* file : {R"("../x")", R"("/etc/passwd")", R"("")", R"("..")", "3", "null"})
    expect_refused("expected a file beside it",
                   fmt::format(R"({{"weight_map": {{"a": {}}}}})", file));
}

}  // namespace
}  // namespace vitro
