#include "formats/npy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/byte_reader.h"
#include "core/file_io.h"
#include "core/temporary_directory.h"
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
    for (size_t i = 0; i < tensor.data.size(); ++i) tensor.data[i] = static_cast<float>(i) - 0.5f;
    write_npy(directory / "a.npy", tensor);
    EXPECT_EQ(std::filesystem::file_size(directory / "a.npy") % 64, tensor.data.size() * 4 % 64);
    const Tensor read = read_npy(directory / "a.npy");
    EXPECT_EQ(read.dims, tensor.dims);
    EXPECT_EQ(read.data, tensor.data);
  }
}

TEST(Npy, ConvertsEveryTypeAndVersion) {
  const std::string half("\x00\x3c\x00\xc0", 4);  // 1, -2
  for (char major : {1, 2, 3}) {
    EXPECT_EQ(parse(make_npy(header("<f2", "(2,)"), half, major)).data,
              (std::vector<float>{1, -2}));
  }
  EXPECT_EQ(parse(make_npy(header("|u1", "(1, 2)"), "\x01\xff")).data,
            (std::vector<float>{1, 255}));
  EXPECT_EQ(parse(make_npy(header("<f8", "()"), std::string("\0\0\0\0\0\0\xf8\x3f", 8))).data,
            (std::vector<float>{1.5f}));
}

TEST(Npy, RefusesWhatItCannotRead) {
  const auto refuse = [](ErrorCode code, const std::string& text,
                         const std::vector<std::byte>& bytes) {
    expect_error(code, text, [&] { parse(bytes); });
  };
  const std::string data(4, '\0');
  refuse(ErrorCode::Unsupported, "Fortran order", make_npy(header("<f4", "(1,)", "True"), data));
  refuse(ErrorCode::Unsupported, "dtype '>f4'", make_npy(header(">f4", "(1,)"), data));
  refuse(ErrorCode::Unsupported, "dtype '<i4'", make_npy(header("<i4", "(1,)"), data));
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

TEST(Npy, NamesAMissingFileAndABadTensor) {
  const TemporaryDirectory directory;
  expect_error(ErrorCode::NotFound, "missing.npy", [&] { read_npy(directory / "missing.npy"); });
  Tensor tensor({2});
  tensor.data.pop_back();
  expect_error(ErrorCode::InvalidArgument, "shape 2 does not match 1",
               [&] { write_npy(directory / "a.npy", tensor); });
  EXPECT_TRUE(directory.entries().empty());
}

}  // namespace
}  // namespace vitro
