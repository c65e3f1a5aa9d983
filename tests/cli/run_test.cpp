#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Runs a model on a tensor; the bytes of the output file are in `result`.
ProcessResult run_tensor(const Tensor& input, std::string* result = nullptr,
                         const std::string& model = small_plan()) {
  const std::string x = scratch_file("run_x.npy"), y = scratch_file("run_y.npy");
  write_npy(x, input);
  const ProcessResult process = run_vitro({"run", model, "-i", x, "-o", y, "--json"});
  if (result && process.exit_code == 0) *result = read_text(y);
  return process;
}

/// Noise as pictures [2, 64, 96, 3].
Tensor pictures() {
  Tensor bytes(DType::UInt8, {2, 64, 96, 3});
  uint32_t state = 1;
  for (uint8_t& value : bytes.as<uint8_t>()) {
    state = state * 1664525 + 1013904223;
    value = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

/// [n, h, w, 3] as [n, 3, h, w], through `convert`.
template <typename T, typename Convert>
Tensor channels_first(const Tensor& images, Convert&& convert) {
  const Dims& dims = images.dims();
  Tensor result(dtype_of<T>, {dims[0], 3, dims[1], dims[2]});
  const auto plane = static_cast<size_t>(dims[1] * dims[2]);
  for (size_t i = 0; i < images.bytes().size(); ++i) {
    const size_t image = i / (3 * plane), pixel = i / 3 % plane, channel = i % 3;
    result.as<T>()[(image * 3 + channel) * plane + pixel] =
        convert(images.as<uint8_t>()[i], channel);
  }
  return result;
}

TEST(CliRun, RawTensorsRoundTrip) {
  Tensor input(Dims{2, 3, 64, 96});
  const auto pixels = input.as<float>();
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>(i % 251) / 125.0f - 1.0f;
  const std::string x = scratch_file("x.npy");
  const std::string y = scratch_file("y.npy");
  write_npy(x, input);
  const ProcessResult result =
      run_vitro({"run", small_plan(), "--input", x, "--output", y, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.json()["output_shape"], (std::vector<int64_t>{2, 200}));
  const Tensor output = read_npy(y);
  EXPECT_EQ(output.dims(), (Dims{2, 200}));
  // The short names, one thread and another run give the same bits.
  const std::string z = scratch_file("z.npy");
  ASSERT_EQ(run_vitro({"run", small_plan(), "-i", x, "-o", z}).exit_code, 0);
  EXPECT_TRUE(read_text(y) == read_text(z));
}

TEST(CliRun, PicturesOfUint8GoThroughMeanAndStd) {
  const Tensor bytes = pictures();
  const Preprocessing pre = load(small_plan()).classifier().preprocessing;
  const Tensor floats = channels_first<float>(bytes, [&](uint8_t value, size_t channel) {
    return (static_cast<float>(value) / 255.0f - pre.mean[channel]) / pre.std[channel];
  });
  const Tensor planes = channels_first<uint8_t>(bytes, [](uint8_t value, size_t) { return value; });
  std::string expected, from_rows, from_planes;
  const ProcessResult float_run = run_tensor(floats, &expected);
  EXPECT_FALSE(float_run.json()["normalized"]) << float_run.err;
  EXPECT_EQ(float_run.err, "");
  const ProcessResult byte_run = run_tensor(bytes, &from_rows);
  ASSERT_EQ(byte_run.exit_code, 0) << byte_run.err;
  EXPECT_TRUE(byte_run.json()["normalized"]);
  EXPECT_EQ(byte_run.json()["input_shape"], (Dims{2, 3, 64, 96}));
  run_tensor(planes, &from_planes);
  EXPECT_FALSE(expected.empty());
  EXPECT_TRUE(expected == from_rows) << "not the logits of the normalised pictures";
  EXPECT_TRUE(expected == from_planes);
}

TEST(CliRun, OtherUint8IsRefusedWithAHint) {
  for (const Dims& dims : {Dims{64, 64, 3}, Dims{1, 1, 64, 64}, Dims{1, 64, 64, 4}}) {
    const ProcessResult result = run_tensor(Tensor(DType::UInt8, dims));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(contains(result.err, "expected pictures for the mean and std")) << result.err;
    EXPECT_TRUE(contains(result.err, "hint: pictures are [batch, height, width, 3]"));
  }
}

TEST(CliRun, Uint8IsANumberForAModelWithoutPreprocessing) {
  auto data = std::make_shared<PlanData>(Internals::data(load(small_plan())));
  data->info.classifier.reset();
  const std::string plain = scratch_file("run_plain.plan");
  save(Internals::plan(std::move(data)), plain);
  const Tensor planes =
      channels_first<uint8_t>(pictures(), [](uint8_t value, size_t) { return value; });
  const Tensor floats = channels_first<float>(
      pictures(), [](uint8_t value, size_t) { return static_cast<float>(value); });
  std::string from_bytes, from_floats;
  const ProcessResult result = run_tensor(planes, &from_bytes, plain);
  EXPECT_EQ(result.err, "");
  EXPECT_FALSE(result.json()["normalized"]);
  run_tensor(floats, &from_floats, plain);
  EXPECT_FALSE(from_bytes.empty());
  EXPECT_TRUE(from_bytes == from_floats);
  std::filesystem::remove(plain);
}

TEST(CliRun, FloatsThatNoNormalisedPictureHasAreDoubted) {
  const Tensor floats = channels_first<float>(
      pictures(), [](uint8_t value, size_t) { return static_cast<float>(value); });
  const ProcessResult result = run_tensor(floats);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(contains(result.err, "warning: the input has values up to 255")) << result.err;
  EXPECT_EQ(result.json()["warnings"].size(), 1u);
}

TEST(CliRun, WarnsOfNanAndInfinityInAndOut) {
  Tensor input({1, 3, 64, 64});
  input.as<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  input.as<float>()[7] = -std::numeric_limits<float>::infinity();
  const ProcessResult result = run_tensor(input);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(contains(result.err, "the input has 1 NaN and 1 infinite values")) << result.err;
  EXPECT_TRUE(contains(result.err, "the output has 200 NaN")) << result.err;
  EXPECT_EQ(result.json()["warnings"].size(), 2u);
}

}  // namespace
}  // namespace vitro::test
