#include "formats/npy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/byte_reader.h"
#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "floats.h"
#include "formats/hostile.h"

namespace vitro {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

std::vector<std::byte> make_npy(const std::string& header, const std::string& data,
                                char major = 1) {
  std::string text = "\x93NUMPY";
  text += major;
  text += '\0';
  const auto length = static_cast<uint32_t>(header.size());
  text.append(reinterpret_cast<const char*>(&length), major == 1 ? 2 : 4);
  text += header + data;
  const auto bytes = as_byte_span(text);
  return {bytes.begin(), bytes.end()};
}

std::string header(const std::string& descr, const std::string& shape,
                   const std::string& fortran_order = "False") {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr,
                     fortran_order, shape);
}

Tensor parse(const std::vector<std::byte>& bytes) { return parse_npy(bytes, "x"); }

TEST(Npy, RoundTrips) {
  const TemporaryDirectory directory;
  for (const Dims& dims : {Dims{}, Dims{3}, Dims{2, 3}, Dims{1, 3, 2, 2}, Dims{0, 4}}) {
    Tensor tensor(dims);
    float next = -0.5f;
    for (float& value : tensor.as<float>()) value = next++;
    write_npy(directory / "a.npy", tensor);
    EXPECT_EQ(std::filesystem::file_size(directory / "a.npy") % 64, tensor.bytes().size() % 64);
    const Tensor read = read_npy(directory / "a.npy");
    EXPECT_EQ(read.dims(), tensor.dims());
    EXPECT_EQ(test::floats(read), test::floats(tensor));
  }
}

TEST(Npy, ReadsEveryVersion) {
  const std::string one("\x00\x00\x80\x3f", 4);
  for (char major : {1, 2, 3})
    EXPECT_EQ(test::floats(parse(make_npy(header("<f4", "(1,)"), one, major))),
              (std::vector<float>{1}));
}

TEST(Npy, KeepsEveryType) {
  const TemporaryDirectory directory;
  const std::pair<const char*, DType> types[] = {
      {"<f4", DType::Float32}, {"<f2", DType::Float16}, {"<f8", DType::Float64},
      {"<i8", DType::Int64},   {"<i4", DType::Int32},   {"<i2", DType::Int16},
      {"|i1", DType::Int8},    {"<u8", DType::UInt64},  {"<u4", DType::UInt32},
      {"<u2", DType::UInt16},  {"|u1", DType::UInt8},   {"|b1", DType::Bool},
  };
  for (const auto& [descr, dtype] : types) {
    SCOPED_TRACE(descr);
    std::string data(2 * dtype_size(dtype), '\0');
    data.back() = '\1';
    const Tensor tensor = parse(make_npy(header(descr, "(2, 1)"), data));
    EXPECT_EQ(tensor.dtype(), dtype);
    EXPECT_EQ(tensor.dims(), (Dims{2, 1}));
    EXPECT_EQ(as_text(tensor.bytes()), data);
    write_npy(directory / "a.npy", tensor);
    const Tensor read = read_npy(directory / "a.npy");
    EXPECT_EQ(read.dtype(), dtype);
    EXPECT_EQ(as_text(read.bytes()), data);
  }
  EXPECT_EQ(parse(make_npy(header("<u1", "(1,)"), "\x07")).dtype(), DType::UInt8);
}

TEST(Npy, RefusesWhatItCannotRead) {
  const auto refuse = [](ErrorCode code, const std::string& text,
                         const std::vector<std::byte>& bytes) {
    expect_error(code, text, [&] { parse(bytes); });
  };
  const std::string data(4, '\0');
  refuse(ErrorCode::Unsupported, "Fortran order", make_npy(header("<f4", "(1,)", "True"), data));
  refuse(ErrorCode::Unsupported, "dtype '>f4'", make_npy(header(">f4", "(1,)"), data));
  refuse(ErrorCode::Unsupported, "dtype '>i4'", make_npy(header(">i4", "(1,)"), data));
  refuse(ErrorCode::Unsupported, "dtype '<c8'", make_npy(header("<c8", "(1,)"), data + data));
  refuse(ErrorCode::CorruptFile, "neither 0 nor 1", make_npy(header("|b1", "(1,)"), "\2"));
  refuse(ErrorCode::Unsupported, "version 4", make_npy(header("<f4", "(1,)"), data, 4));
  const auto corrupt = ErrorCode::CorruptFile;
  refuse(corrupt, "does not match 4 bytes", make_npy(header("<f4", "(2,)"), data));
  refuse(corrupt, "does not match 4 bytes", make_npy(header("<f4", "(0,)"), data));
  refuse(corrupt, "does not match",
         make_npy(header("<f4", "(4294967296, 4294967296, 4294967296)"), data));
  for (const char* shape :
       {"(-1,)", "(1", "1", "(1 2)", "(a,)", "(99999999999999999999,)", "[1]"}) {
    refuse(corrupt, "header is not valid", make_npy(header("<f4", shape), data));
  }
  for (const char* text : {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4'}",
                           "{'other': '<f4'}", "{'descr"}) {
    refuse(corrupt, "header is not valid", make_npy(text, data));
  }
  refuse(corrupt, "header is not valid", make_npy(header("<f4", "(1,)") + "junk", data));
  refuse(corrupt, "at most", make_npy(std::string(100'000, ' '), data, 2));
}

TEST(Npy, SurvivesHostileBytes) {
  const test::Parse parse_bytes = [](std::span<const std::byte> bytes) { parse_npy(bytes, "x"); };
  const auto valid = make_npy(header("<f4", "(2, 1)"), "12345678");
  test::expect_all_truncations_fail(parse_bytes, valid);
  test::expect_mutations_are_harmless(parse_bytes, valid, 5000);
  test::expect_garbage_fails(parse_bytes);
}

TEST(Npy, NamesAMissingFileAndATypeThatNumpyHasNot) {
  const TemporaryDirectory directory;
  expect_error(ErrorCode::NotFound, "missing.npy", [&] { read_npy(directory / "missing.npy"); });
  for (DType dtype : {DType::BFloat16, DType::Float8E4M3, DType::Float8E5M2})
    expect_error(ErrorCode::Unsupported, dtype_name(dtype),
                 [&] { write_npy(directory / "a.npy", Tensor(dtype, {2})); });
  EXPECT_TRUE(directory.entries().empty());
}

}  // namespace
}  // namespace vitro
