#include "frontend/checkpoint/format.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "frontend/checkpoint/checkpoint.h"
#include "frontend/tensor_set.h"

namespace vitro {
namespace {

using namespace std::string_literals;
using test::expect_error;

class FormatTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  void expect_refused(ErrorCode code, const std::string& text, const std::string& name,
                      const std::string& content) {
    SCOPED_TRACE(name);
    const std::filesystem::path path = write(name, content);
    expect_error(code, text, [&] { import_checkpoint(path); });
    expect_error(code, path.string(), [&] { import_checkpoint(path); });
  }

  test::TemporaryDirectory folder_;
};

std::filesystem::path core_fixture(const std::string& name) {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "tests/formats/data" / name;
}

TensorFile read(const std::filesystem::path& path) {
  return read_checkpoint_file(MappedFile::open(path));
}

TEST_F(FormatTest, TheContentDecidesNotTheExtension) {
  TensorFile written;
  test::add_tensor<float>(written, "a", DType::Float32, {1}, {3});
  write_safetensors(folder_ / "a.pth", written.tensors, {{"format", "pt"}});
  EXPECT_EQ(read(folder_ / "a.pth").tensors.at(0).name, "a");
  std::filesystem::copy_file(core_fixture("plain.pth"), folder_ / "b.safetensors");
  EXPECT_EQ(read(folder_ / "b.safetensors").tensors.size(), 3u);
  std::filesystem::copy_file(core_fixture("plain.pth"), folder_ / "no_extension");
  EXPECT_EQ(read(folder_ / "no_extension").tensors.size(), 3u);
}

TEST_F(FormatTest, NothingToRead) {
  expect_error(ErrorCode::NotFound, "absent.pth",
               [&] { import_checkpoint(folder_ / "absent.pth"); });
  expect_error(ErrorCode::InvalidArgument, folder_.path().string(),
               [&] { import_checkpoint(folder_.path()); });
  expect_refused(ErrorCode::CorruptFile, "is empty", "empty.safetensors", "");
}

TEST_F(FormatTest, RefusesWhatIsNoCheckpoint) {
  expect_refused(ErrorCode::Unsupported, "unknown model format", "garbage", "hello, world\n");
  expect_refused(ErrorCode::Unsupported, "begin with 68 69", "tiny", "hi");
  expect_refused(ErrorCode::CorruptFile, "Git LFS pointer", "model.pth",
                 "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  expect_refused(ErrorCode::CorruptFile, "HTML", "page.pth", "\n<!DOCTYPE html><html></html>");
  expect_refused(ErrorCode::CorruptFile, "XML", "page", "<?xml version='1.0'?><Error></Error>");
  expect_refused(ErrorCode::Unsupported, "unknown model format", "angle", "<\x01\x02\x03");
  expect_refused(ErrorCode::Unsupported, "is a GGUF file", "model.gguf", "GGUF\3\0\0\0"s);
  expect_refused(ErrorCode::Unsupported, "is an HDF5 file", "model.h5", "\x89HDF\r\n\x1a\n\0"s);
  expect_refused(ErrorCode::Unsupported, "is a NumPy array", "head.npy", "\x93NUMPY\1\0"s);
  expect_refused(ErrorCode::Unsupported, "is compressed with gzip", "model.pth", "\x1f\x8b\x08\0"s);
  expect_refused(ErrorCode::Unsupported, "is a tar archive", "model.pth.tar",
                 std::string(257, '\0') + "ustar\0"s);
}

TEST_F(FormatTest, DamagedFilesGetTheErrorOfTheirFormat) {
  expect_refused(ErrorCode::CorruptFile, "", "huge_header.safetensors",
                 "\0\0\0\0\0\0\0\x80{\"a\":"s);
  expect_refused(ErrorCode::CorruptFile, "", "short.safetensors", "\0\0"s);
  expect_refused(ErrorCode::CorruptFile, "", "half.pth", "PK\x03\x04half a file");
  expect_refused(ErrorCode::CorruptFile, "ZIP", "noise.pth", "noise");
  EXPECT_EQ(read(core_fixture("legacy.pth")).tensors.size(), 3u);
  expect_error(ErrorCode::Unsupported, "", [] { read(core_fixture("malicious.pth")); });
}

TEST_F(FormatTest, RefusesAPlan) {
  TensorFile written;
  test::add_tensor<float>(written, "a", DType::Float32, {1}, {3});
  write_safetensors(folder_ / "x.plan", written.tensors, {{"format", std::string(kPlanFormat)}});
  expect_error(ErrorCode::InvalidArgument, "is a Vitro plan, expected a checkpoint",
               [&] { import_checkpoint(folder_ / "x.plan"); });
}

TEST_F(FormatTest, ACheckpointOfAnotherModelIsNamed) {
  expect_error(ErrorCode::Unsupported, "plain.pth",
               [] { import_checkpoint(core_fixture("plain.pth")); });
  expect_error(ErrorCode::Unsupported, "3 tensors that fit no known architecture: head.bias [3]",
               [] { import_checkpoint(core_fixture("plain.pth")); });
  try {
    import_checkpoint(core_fixture("plain.pth"));
  } catch (const Error& e) {  // --arch cannot help
    EXPECT_EQ(e.hint().find("--arch"), std::string::npos) << e.hint();
    EXPECT_NE(e.hint().find("known architectures: uniformer_small"), std::string::npos) << e.hint();
  }
}

}  // namespace
}  // namespace vitro
