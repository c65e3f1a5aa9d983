#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "cli/subprocess.h"
#include "formats/npy.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Exit code 1, one "error: ..." line that has `part`, at most a hint after it, and no result.
void expect_error(const ProcessResult& result, const std::string& part) {
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
  EXPECT_TRUE(contains(result.err, part)) << part << " in: " << result.err;
  EXPECT_TRUE(result.out.empty()) << result.out;
}

/// A copy of the checkpoint in which the first `from` is `to`, of equal length.
std::string edited_checkpoint(std::string_view name, std::string_view from, std::string_view to) {
  std::string bytes = read_text(checkpoint());
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos);
  bytes.replace(at, to.size(), to);
  return write_scratch(name, bytes);
}

/// The checksum of a PNG chunk.
uint32_t crc32(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320u : 0u);
  }
  return ~crc;
}

std::string big_endian(uint32_t value) {
  std::string text;
  for (int shift : {24, 16, 8, 0}) text.push_back(static_cast<char>(value >> shift));
  return text;
}

std::string huge_png() {
  const std::string header =
      "IHDR" + big_endian(65535) + big_endian(65535) + std::string("\x08\x02\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + big_endian(13) + header + big_endian(crc32(header));
}

TEST(CliBadInput, ModelsThatAreNone) {
  const std::string whole = read_text(plan());
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  const std::string weights = read_text(checkpoint());
  const std::vector<std::string> models{
      write_scratch("garbage.plan", "this is not a plan, and it is longer than a header"),
      write_scratch("empty.plan", ""),
      write_scratch("truncated.plan", whole.substr(0, whole.size() / 2)),
      write_scratch("flipped.plan", flipped),
      write_scratch("garbage.safetensors", "garbage garbage garbage"),
      write_scratch("empty.safetensors", ""),
      write_scratch("truncated.safetensors", weights.substr(0, weights.size() - 1000)),
      write_scratch("huge_header.safetensors", std::string("\0\0\0\0\0\0\0\x80{}", 10)),
      write_scratch("garbage.pth", "garbage garbage garbage"),
      write_scratch("empty.pth", ""),
      write_scratch("model.docx", "what is this"),
      scratch_file("missing.plan"),
      scratch().string(),
  };
  for (const std::string& model : models) {
    SCOPED_TRACE(model);
    const std::string name = std::filesystem::path(model).filename().string();
    expect_error(run_vitro({"classify", model, model_file("photos/coffee.png")}), name);
    expect_error(run_vitro({"build", model, "-o", scratch_file("refused.plan")}), name);
  }
  EXPECT_EQ(count_scratch("refused.plan"), 0) << "something half-written was left";
}

TEST(CliBadInput, WeightLedgerListsOrphansAndMissing) {
  const std::string model =
      edited_checkpoint("renamed.safetensors", "\"head.bias\"", "\"head.bjas\"");
  const ProcessResult result = run_vitro({"build", model, "-o", scratch_file("refused.plan")});
  expect_error(result, "head.bias");
  EXPECT_TRUE(contains(result.err, "head.bjas")) << result.err;
}

TEST(CliBadInput, WrongArchitecture) {
  const std::string output = scratch_file("refused.plan");
  expect_error(run_vitro({"build", checkpoint(), "-o", output, "--arch", "uniformer_base"}), "");
  const ProcessResult unknown =
      run_vitro({"build", checkpoint(), "-o", output, "--arch", "resnet50"});
  expect_error(unknown, "resnet50");
  EXPECT_TRUE(contains(unknown.err + unknown.out, "uniformer_small")) << unknown.err;
}

TEST(CliBadInput, NanWeightsAreAWarning) {
  std::string bytes = read_text(checkpoint());
  bytes.replace(bytes.size() - 2, 2, std::string("\x00\x7e", 2));  // a float16 NaN
  const std::string model = write_scratch("nan.safetensors", bytes);
  const std::string output = scratch_file("nan.plan");
  const ProcessResult result = run_vitro({"build", model, "-o", output});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "warning: ") && contains(result.err, "NaN")) << result.err;
  EXPECT_FALSE(contains(run_vitro({"build", model, "-o", output, "--quiet"}).err, "NaN"));
  const ProcessResult answer = run_vitro({"classify", output, model_file("photos/coffee.png")});
  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_TRUE(contains(answer.err, "not all finite")) << answer.err;
  // The first image is of class 0, which is also what a search among NaNs would find.
  const ProcessResult accuracy =
      run_vitro({"eval", output, model_file("tiny200_val"), "--limit", "1", "--json"});
  EXPECT_EQ(accuracy.json()["top1"], 0.0);
  EXPECT_EQ(accuracy.json()["top5"], 0.0);
  EXPECT_TRUE(contains(accuracy.err, "count as wrong")) << accuracy.err;
}

TEST(CliBadInput, ImagesThatAreNone) {
  const std::string photo = read_text(model_file("photos/coffee.png"));
  const std::vector<std::string> images{
      write_scratch("garbage.png", "garbage"),
      write_scratch("empty.png", ""),
      write_scratch("truncated.png", photo.substr(0, photo.size() / 2)),
      write_scratch("huge.png", huge_png()),
      scratch_file("missing.png"),
      scratch().string(),
  };
  for (const std::string& image : images) {
    SCOPED_TRACE(image);
    const ProcessResult result = run_vitro({"classify", small_plan(), image});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
    EXPECT_TRUE(contains(result.err, std::filesystem::path(image).filename())) << result.err;
  }
  EXPECT_TRUE(contains(run_vitro({"classify", small_plan(), images[3]}).err, "65535"));
  EXPECT_EQ(run_vitro({"classify", small_plan(), "-"}).exit_code, 1) << "empty standard input";
}

TEST(CliBadInput, ShapesTheModelCannotTake) {
  const std::vector<std::pair<std::string, std::string>> cases{{"--size", "225"},
                                                               {"--size", "64x65"},
                                                               {"--size", "1"},
                                                               {"--batch", "1000000000"},
                                                               {"--batch", "9223372036854775807"}};
  for (const auto& [option, value] : cases) {
    SCOPED_TRACE(value);
    const ProcessResult result = run_vitro({"bench", small_plan(), option, value});
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
  }
  const ProcessResult odd = run_vitro({"bench", small_plan(), "--size", "30x100"});
  EXPECT_TRUE(contains(odd.err, "1x3x30x100: height is 30, expected a multiple of 32"));
  EXPECT_TRUE(contains(odd.err, "hint: the nearest extents are 1x3x32x96")) << odd.err;
  for (const Dims& dims :
       {Dims{1, 4, 64, 64}, Dims{1, 3, 65, 64}, Dims{3, 64, 64}, Dims{0, 3, 64, 64}}) {
    SCOPED_TRACE(to_string(dims));
    const std::string input = scratch_file("shape.npy");
    write_npy(input, Tensor(dims));
    expect_error(run_vitro({"run", small_plan(), "-i", input, "-o", scratch_file("refused.npy")}),
                 "");
  }
  EXPECT_EQ(count_scratch("refused.npy"), 0);
}

TEST(CliBadInput, TensorsThatAreNone) {
  const std::string output = scratch_file("refused.npy");
  for (const std::string& input : {write_scratch("garbage.npy", "garbage"),
                                   write_scratch("empty.npy", ""), scratch_file("missing.npy")})
    expect_error(run_vitro({"run", small_plan(), "-i", input, "-o", output}),
                 std::filesystem::path(input).filename().string());
  const std::string integers = scratch_file("integers.npy");
  write_npy(integers, Tensor(DType::Int32, {1, 3, 64, 64}));
  expect_error(run_vitro({"run", small_plan(), "-i", integers, "-o", output}),
               "integers.npy': elements of I32, expected F32");
  EXPECT_EQ(count_scratch("refused.npy"), 0);
}

TEST(CliBadInput, OutputThatCannotBeWritten) {
  const std::string input = scratch_file("ones.npy");
  write_npy(input, Tensor(Dims{1, 3, 64, 64}));
  for (const std::string& output :
       {std::string("/dev/full"), scratch_file("no/such/directory"), scratch().string()}) {
    SCOPED_TRACE(output);
    expect_error(run_vitro({"build", checkpoint(), "-o", output}), output);
    expect_error(run_vitro({"run", small_plan(), "-i", input, "-o", output}), output);
    expect_error(run_vitro({"eval", small_plan(), model_file("tiny200_val"), "--predictions",
                            output, "--limit", "1"}),
                 output);
  }
  EXPECT_EQ(count_scratch("no"), 0);
}

TEST(CliBadInput, FilesOverTheLimitLeaveNothing) {
  const std::string output = scratch_file("too_large.plan");
  expect_error(run_vitro({"build", checkpoint(), "-o", output},
                         {.limit = RLIMIT_FSIZE, .limit_value = 1'000'000}),
               output);
  EXPECT_EQ(count_scratch("too_large.plan"), 0);
}

TEST(CliBadInput, APipeIsNoModel) {
  const std::string pipe = scratch_file("pipe.plan");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  // Nobody writes to the pipe: waiting for it would take for ever.
  expect_error(run_vitro({"inspect", pipe}), "pipe.plan");
}

TEST(CliBadInput, InputsAreNotOverwritten) {
  const std::string input = scratch_file("input.npy");
  write_npy(input, Tensor(Dims{1, 3, 64, 64}));
  for (const std::string& output : {input, small_plan()}) {
    const auto bytes = std::filesystem::file_size(output);
    expect_error(run_vitro({"run", small_plan(), "-i", input, "-o", output}), output);
    EXPECT_EQ(std::filesystem::file_size(output), bytes);
  }
  const auto bytes = std::filesystem::file_size(small_plan());
  expect_error(run_vitro({"eval", small_plan(), model_file("tiny200_val"), "--limit", "1",
                          "--predictions", small_plan()}),
               small_plan());
  EXPECT_EQ(std::filesystem::file_size(small_plan()), bytes);
}

TEST(CliBadInput, TheCheckpointIsNotOverwritten) {
  const std::string copy = scratch_file("own.safetensors");
  std::filesystem::copy_file(checkpoint(), copy);
  expect_error(run_vitro({"build", copy, "-o", copy}), "own.safetensors");
  EXPECT_EQ(std::filesystem::file_size(copy), std::filesystem::file_size(checkpoint()));
}

TEST(CliBadInput, ResultsThatCannotBePrinted) {
  for (Stdout out : {Stdout::FullDisk, Stdout::Closed}) {
    const ProcessResult result = run_vitro({"inspect", small_plan(), "--weights"}, {.out = out});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(contains(result.err, "cannot write to standard output")) << result.err;
  }
}

}  // namespace
}  // namespace vitro::test
