#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/temporary_directory.h"
#include "formats/onnx_bytes.h"
#include "formats/onnx_model.h"

// Elements in files beside the model: what must be read, and what must not.
namespace vitro::onnx {
namespace {

namespace fs = std::filesystem;
using test::Message;

class OnnxExternal : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(models_ / "sub");
    for (const fs::path& path : {models_ / "w.bin", models_ / "sub" / "w.bin", outside_})
      write(path, "123456789abc");
  }
  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  /// Two floats that lie at a location.
  static Message tensor(const std::string& location,
                        const std::vector<std::pair<std::string, std::string>>& more = {}) {
    const auto entry = [](const std::string& key, const std::string& value) {
      return Message().bytes(1, key).bytes(2, value);
    };
    Message message;
    message.integer(1, 2).integer(2, 1).bytes(8, "w").integer(14, 1);
    message.add(13, entry("location", location));
    for (const auto& [key, value] : more) message.add(13, entry(key, value));
    return message;
  }
  std::string read(const Message& message) {
    const Tensor tensor = parse_tensor(message.span(), "t");
    std::vector<std::byte> storage;
    const auto bytes = data_.elements(tensor, storage);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void expect_refused(ErrorCode code, const std::string& text, const Message& message) {
    SCOPED_TRACE(text);
    test::expect_error(code, text, [&] { read(message); });
  }

  test::TemporaryDirectory folder_;
  fs::path models_ = folder_ / "models", outside_ = folder_ / "secret";
  TensorData data_{models_ / "m.onnx"};
};

TEST_F(OnnxExternal, IsReadInTheFolderAndBelow) {
  EXPECT_EQ(read(tensor("w.bin")), "12345678");
  EXPECT_EQ(read(tensor("w.bin", {{"offset", "4"}})), "56789abc");
  EXPECT_EQ(read(tensor("w.bin", {{"offset", "4"}, {"length", "8"}})), "56789abc");
  EXPECT_EQ(read(tensor("sub/w.bin")), "12345678");
  // What is not known says nothing, as with all readers.
  EXPECT_EQ(read(tensor("w.bin", {{"checksum", "0"}, {"basepath", "/etc"}, {"k", "v"}})),
            "12345678");
}

TEST_F(OnnxExternal, PathsThatLeaveTheFolder) {
  for (const char* location :
       {"../secret", "sub/../../secret", "./w.bin", ".", "..", "", "/etc/hostname",
        "//etc/hostname", "file:///etc/hostname", "C:\\w.bin", "c:w.bin", "\\\\host\\share",
        "sub\\w.bin", "sub/", "w.bin\n", "/proc/self/environ"})
    expect_refused(ErrorCode::InvalidArgument, "tensor 'w': its external data is at",
                   tensor(location));
  expect_refused(ErrorCode::InvalidArgument, "an absolute path", tensor(outside_.string()));
  expect_refused(ErrorCode::InvalidArgument, "no relative path",
                 tensor(std::string("w.bin\0/../../secret", 19)));
}

TEST_F(OnnxExternal, Links) {
  fs::create_symlink(outside_, models_ / "link.bin");
  fs::create_symlink(folder_.path(), models_ / "up");
  fs::create_symlink("w.bin", models_ / "inside.bin");
  fs::create_symlink("/proc/self", models_ / "proc");
  for (const char* location : {"link.bin", "up/secret", "inside.bin", "proc/environ"})
    expect_refused(ErrorCode::InvalidArgument, "a part of which is a link", tensor(location));
  fs::create_hard_link(outside_, models_ / "hard.bin");
  expect_refused(ErrorCode::InvalidArgument, "another name", tensor("hard.bin"));
}

TEST_F(OnnxExternal, TheFolderItselfMayBeALink) {
  fs::create_symlink(models_, folder_ / "alias");
  data_ = TensorData(folder_ / "alias" / "m.onnx");
  EXPECT_EQ(read(tensor("w.bin")), "12345678");
}

TEST_F(OnnxExternal, WhatIsNoFile) {
  ASSERT_EQ(mkfifo((models_ / "pipe").c_str(), 0600), 0);
  expect_refused(ErrorCode::InvalidArgument, "a pipe or a device", tensor("pipe"));
  expect_refused(ErrorCode::InvalidArgument, "a directory", tensor("sub"));
  expect_refused(ErrorCode::NotFound, "missing.bin", tensor("missing.bin"));
  expect_refused(ErrorCode::NotFound, "w.bin/x", tensor("w.bin/x"));
  expect_refused(ErrorCode::CorruptFile, "without a location",
                 Message().integer(1, 2).integer(2, 1).bytes(8, "w").integer(14, 1));
}

TEST_F(OnnxExternal, RangesOutsideOfTheFile) {
  using Entries = std::vector<std::pair<std::string, std::string>>;
  const std::vector<std::pair<Entries, std::string>> cases{
      {{{"offset", "5"}}, "bytes 5 to 13"},
      {{{"offset", "13"}}, "which has 12"},
      {{{"offset", "18446744073709551615"}}, "which has 12"},
      {{{"offset", "18446744073709551616"}},
       "offset of its external data is '18446744073709551616'"},
      {{{"offset", "-1"}}, "offset of its external data is '-1'"},
      {{{"offset", "0x4"}}, "expected a number from 0 up"},
      {{{"offset", ""}}, "expected a number from 0 up"},
      {{{"offset", " 4"}}, "expected a number from 0 up"},
      {{{"length", "7"}}, "7 bytes of external data, expected 8"},
      {{{"length", "12"}}, "12 bytes of external data, expected 8"},
      {{{"length", "-8"}}, "length of its external data is '-8'"},
      {{{"offset", "0"}, {"offset", "4"}}, "'offset' is there twice"},
  };
  for (const auto& [entries, text] : cases)
    expect_refused(ErrorCode::CorruptFile, text, tensor("w.bin", entries));
}

TEST_F(OnnxExternal, TensorsShareElementsWithinMeasure) {
  std::vector<Tensor> tensors;
  const Message message = tensor("w.bin");
  for (int i = 0; i < 1000; ++i) tensors.push_back(parse_tensor(message.span(), "t"));
  std::vector<std::byte> storage;
  for (int i = 0; i < 6; ++i) data_.elements(tensors[static_cast<size_t>(i)], storage);
  for (int i = 0; i < 100; ++i) data_.elements(tensors[0], storage);  // counts once
  test::expect_error(ErrorCode::CorruptFile, "more than 4 times the 12 bytes", [&] {
    for (const Tensor& tensor : tensors) data_.elements(tensor, storage);
  });
}

TEST_F(OnnxExternal, FilesThatChangeMeanwhile) {
  // Between the model and its elements.
  write(models_ / "w.bin", "1234");
  expect_refused(ErrorCode::CorruptFile, "which has 4", tensor("w.bin"));
  fs::remove(models_ / "sub" / "w.bin");
  fs::create_symlink(outside_, models_ / "sub" / "w.bin");
  expect_refused(ErrorCode::InvalidArgument, "a link", tensor("sub/w.bin"));
  // One that was opened stays what it was.
  write(models_ / "v.bin", "abcdefgh");
  EXPECT_EQ(read(tensor("v.bin")), "abcdefgh");
  write(models_ / "new.bin", "XXXXXXXX");
  fs::rename(models_ / "new.bin", models_ / "v.bin");
  EXPECT_EQ(read(tensor("v.bin")), "abcdefgh");
}

}  // namespace
}  // namespace vitro::onnx
