#include "formats/safetensors.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/byte_reader.h"
#include "core/dtype.h"
#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "formats/hostile.h"

namespace vitro {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

/// A file made of a header text and `data_size` counting bytes.
std::vector<std::byte> make_file(const std::string& header, size_t data_size) {
  std::vector<std::byte> bytes(8 + header.size() + data_size);
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (size_t i = 0; i < data_size; ++i) bytes[8 + header.size() + i] = static_cast<std::byte>(i);
  return bytes;
}

TensorFile parse(const std::vector<std::byte>& bytes) { return parse_safetensors(bytes, "x"); }

void expect_refused(ErrorCode code, const std::string& text, const std::string& header,
                    size_t data_size = 0) {
  SCOPED_TRACE(header);
  const auto bytes = make_file(header, data_size);
  expect_error(code, text, [&] { parse(bytes); });
}

constexpr const char* kTwoTensors =
    R"({"__metadata__":{"a":"b"},"w":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]},)"
    R"("b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  const auto bytes = make_file(kTwoTensors, 16);
  const TensorFile file = parse(bytes);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].name, "b");
  EXPECT_EQ(file.tensors[0].dtype, DType::Float32);
  EXPECT_TRUE(file.tensors[0].dims.empty());
  EXPECT_EQ(file.tensors[1].name, "w");
  EXPECT_EQ(file.tensors[1].dtype, DType::Float16);
  EXPECT_EQ(file.tensors[1].dims, (Dims{2, 3}));
  EXPECT_EQ(file.tensors[1].bytes.data(), bytes.data() + bytes.size() - 12);  // no copy
  EXPECT_EQ(file.metadata.at("a"), "b");
}

TEST(Safetensors, AcceptsPaddingEmptyTensorsAndNoTensors) {
  EXPECT_TRUE(parse(make_file("{}", 0)).tensors.empty());
  EXPECT_TRUE(parse(make_file("{}    ", 0)).tensors.empty());
  const auto file = parse(make_file(R"({"a":{"dtype":"U8","shape":[0,9],"data_offsets":[0,0]},)"
                                    R"("b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})",
                                    2));
  EXPECT_EQ(file.tensors.size(), 2u);
}

TEST(Safetensors, RefusesABadHeaderLength) {
  for (uint64_t length : {uint64_t{1} << 63, ~uint64_t{0}, uint64_t{kMaxSafetensorsHeader} + 1}) {
    std::vector<std::byte> bytes(64);
    std::memcpy(bytes.data(), &length, 8);
    expect_error(ErrorCode::CorruptFile, fmt::format("a header of {} bytes, at most", length),
                 [&] { parse(bytes); });
  }
  std::vector<std::byte> bytes(64);
  bytes[0] = std::byte{57};
  expect_error(ErrorCode::CorruptFile, "truncated", [&] { parse(bytes); });
  expect_error(ErrorCode::CorruptFile, "truncated", [&] { parse({}); });
}

TEST(Safetensors, RefusesHeadersThatAreNoObjectOfTensors) {
  for (const char* header : {"",
                             " ",
                             "[]",
                             "null",
                             "3",
                             "\"a\"",
                             "{",
                             "{}}",
                             "{} {}",
                             "\xef\xbb\xbf{}",
                             "{\"a\":1}",
                             "{\"a\":null}",
                             "{\"a\":true}",
                             "{\"a\":\"b\"}",
                             "{\"a\":[]}",
                             "{\"a\":{}}",
                             "{\"a\":{\"dtype\":{}}}",
                             "{\"a\":{\"shape\":[[1]]}}",
                             "{\"__metadata__\":{\"a\":1}}",
                             "{\"__metadata__\":{\"a\":{}}}",
                             "{\"__metadata__\":[]}",
                             "{\"a\":{\"unknown\":\"x\"}}",
                             "{\"a\":{\"dtype\":[]}}",
                             "{\"a\":{\"shape\":3}}",
                             "{/**/}",
                             "{\"\xff\":{}}"}) {
    expect_refused(ErrorCode::CorruptFile, "x", header);
  }
  const auto with_nul = make_file(std::string("{}\0 junk", 8), 0);
  expect_error(ErrorCode::CorruptFile, "not a JSON object", [&] { parse(with_nul); });
  expect_refused(ErrorCode::CorruptFile, "header", "{\"a\":" + std::string(100'000, '['));
  expect_refused(
      ErrorCode::CorruptFile, "more than 64 numbers",
      fmt::format(R"({{"a":{{"shape":[{}]}}}})", fmt::join(std::vector<int>(65, 1), ",")));
}

TEST(Safetensors, RefusesBadShapesAndOffsets) {
  const auto tensor = [](const char* shape, const char* offsets) {
    return fmt::format(R"({{"a":{{"dtype":"F32","shape":{},"data_offsets":{}}}}})", shape, offsets);
  };
  const auto code = ErrorCode::CorruptFile;
  expect_refused(code, "a negative number", tensor("[-1]", "[0,4]"), 4);
  expect_refused(code, "no 64-bit integer", tensor("[1.5]", "[0,4]"), 4);
  expect_refused(code, "no 64-bit integer", tensor("[18446744073709551616]", "[0,4]"), 4);
  expect_refused(code, "does not have 4 bytes", tensor("[18446744073709551615]", "[0,4]"), 4);
  expect_refused(code, "does not have 0 bytes", tensor("[4294967296,4294967296]", "[0,0]"));
  expect_refused(code, "does not have 4 bytes", tensor("[2]", "[0,4]"), 4);
  expect_refused(code, "[begin, end]", tensor("[1]", "[4,0]"), 4);
  expect_refused(code, "[begin, end]", tensor("[1]", "[0]"), 4);
  expect_refused(code, "[begin, end]", tensor("[1]", "[0,4,8]"), 8);
  expect_refused(code, "but the data section has 3 bytes", tensor("[1]", "[0,4]"), 3);
  expect_refused(code, "cover 4 of the 5 bytes", tensor("[1]", "[0,4]"), 5);
  expect_refused(code, "a hole", tensor("[1]", "[1,5]"), 5);
}

TEST(Safetensors, RefusesOverlapsDuplicatesAndUnknownTypes) {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const auto code = ErrorCode::CorruptFile;
  expect_refused(code, "'a' and 'b' overlap",
                 "{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6);
  expect_refused(code, "'a' and 'b' overlap",
                 "{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  expect_refused(code, "'a' appears twice", "{" + a + "," + a + "}", 4);
  expect_refused(code, "'k' appears twice", R"({"__metadata__":{"k":"1","k":"2"}})");
  expect_refused(code, "'__metadata__' appears twice", R"({"__metadata__":{},"__metadata__":{}})");
  expect_refused(code, "'dtype' appears twice",
                 R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  expect_refused(ErrorCode::Unsupported, "tensor 'a' has dtype 'F8_E8M0'",
                 R"({"a":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}})", 1);
}

TEST(Safetensors, SurvivesHostileBytes) {
  const test::Parse parse_bytes = [](std::span<const std::byte> bytes) {
    parse_safetensors(bytes, "x");
  };
  const auto valid = make_file(kTwoTensors, 16);
  test::expect_all_truncations_fail(parse_bytes, valid);
  test::expect_mutations_are_harmless(parse_bytes, valid, 5000);
  test::expect_garbage_fails(parse_bytes);
}

class SafetensorsWriter : public ::testing::Test {
 protected:
  std::vector<TensorEntry> entries() const {
    return {{"weight", DType::Float32, {2, 3}, std::as_bytes(std::span(floats_))},
            {"scale", DType::UInt8, {3}, std::as_bytes(std::span(bytes_))},
            {"nothing", DType::Int64, {0}, {}},
            {"\"quoted\" \n\xc3\xa9", DType::Float32, {6}, std::as_bytes(std::span(floats_))}};
  }

  TemporaryDirectory directory_;
  std::vector<float> floats_ = {0, 1, 2, 3, 4, 5};
  std::vector<uint8_t> bytes_ = {7, 8, 9};
};

TEST_F(SafetensorsWriter, RoundTripsEveryType) {
  const std::array<std::byte, 8> element{std::byte{1}};
  std::vector<TensorEntry> tensors;
  for (const char* tag : {"F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL",
                          "F8_E4M3", "F8_E5M2", "U16", "U32", "U64"}) {
    const auto dtype = dtype_from_name(tag);
    ASSERT_TRUE(dtype) << tag;
    EXPECT_STREQ(dtype_name(*dtype), tag);
    tensors.push_back({tag, *dtype, {1}, std::span(element).first(dtype_size(*dtype))});
  }
  const auto path = directory_ / "types.safetensors";
  write_safetensors(path, tensors, {{"format", std::string(kPlanFormat)}});
  const TensorFile file = read_safetensors(MappedFile::open(path));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const TensorEntry& tensor : file.tensors)
    EXPECT_EQ(tensor.name, dtype_name(tensor.dtype)) << tensor.name;
}

TEST_F(SafetensorsWriter, RoundTripsAndAligns) {
  const auto path = directory_ / "a.safetensors";
  write_safetensors(path, entries(), {{"format", std::string(kPlanFormat)}, {"k", "v\"\n"}});
  const TensorFile file = read_safetensors(MappedFile::open(path));
  EXPECT_EQ(file.metadata.at("k"), "v\"\n");
  ASSERT_EQ(file.tensors.size(), entries().size());  // the filler is dropped
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    const TensorEntry expected = entries()[i];
    EXPECT_EQ(file.tensors[i].name, expected.name);
    EXPECT_EQ(file.tensors[i].dtype, expected.dtype);
    EXPECT_EQ(file.tensors[i].dims, expected.dims);
    EXPECT_EQ(as_text(file.tensors[i].bytes), as_text(expected.bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensors[i].bytes.data()) % 64, 0u);
  }
}

TEST_F(SafetensorsWriter, IsDeterministicAndKeepsFillerOfOtherFormats) {
  write_safetensors(directory_ / "a", entries(), {}, 64);
  write_safetensors(directory_ / "b", entries(), {}, 64);
  EXPECT_EQ(read_file(directory_ / "a", 4096), read_file(directory_ / "b", 4096));
  const TensorFile aligned = read_safetensors(MappedFile::open(directory_ / "a"));
  EXPECT_EQ(aligned.tensors.size(), entries().size() + 2);
  EXPECT_EQ(aligned.tensors[1].name, "__pad_0");
  write_safetensors(directory_ / "c", entries(), {}, 1);
  EXPECT_EQ(read_safetensors(MappedFile::open(directory_ / "c")).tensors.size(), entries().size());
}

TEST_F(SafetensorsWriter, RefusesBadInputAndLeavesNothing) {
  const auto refuse = [&](const std::string& text, std::vector<TensorEntry> tensors,
                          std::map<std::string, std::string> metadata = {}, size_t alignment = 64) {
    expect_error(ErrorCode::InvalidArgument, text,
                 [&] { write_safetensors(directory_ / "a", tensors, metadata, alignment); });
  };
  refuse("appears twice", {entries()[0], entries()[0]});
  refuse("reserved", {{"__pad_0", DType::UInt8, {0}, {}}});
  refuse("reserved", {{"__metadata__", DType::UInt8, {0}, {}}});
  refuse("has 0 bytes, expected 4", {{"a", DType::Float32, {1}, {}}});
  refuse("not UTF-8", {{"\xff", DType::Float32, {0}, {}}});
  refuse("not UTF-8", {}, {{"a", "\xff"}});
  refuse("power of two", {}, {}, 0);
  refuse("power of two", {}, {}, 48);
  EXPECT_TRUE(directory_.entries().empty());
}

}  // namespace
}  // namespace vitro
