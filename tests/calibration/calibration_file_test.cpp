#include "calibration/calibration_file.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "calibration/tensorrt_cache.h"
#include "core/temporary_directory.h"

namespace vitro::test {
namespace {

Calibration example() {
  Calibration calibration;
  calibration.source = "small.safetensors";
  calibration.model_hash = "0123456789abcdef";
  calibration.image_hash = "fedcba9876543210";
  calibration.images = 12;
  calibration.preprocessing = preprocessing_id({});
  calibration.notes = {"12 pictures are few"};
  CalibratedInput input;
  input.product = "blocks.0.fc1";
  input.input_names = {"/blocks.0/norm_output_0", "/blocks.0/norm"};
  input.channels = 3;
  input.rows = 100;
  input.min = -0.1f;
  input.max = 3.4028235e38f;
  input.means = {0.1f, 0.2f, -1.5e-8f};
  input.histogram = {-0.1, 7, {1, 2, 3}};
  input.ranges = {
      {CalibrationMethod::Entropy, {{0.1f, 0.1f, 0.1f}, {128, 128, 128}}, 0.001},
      {CalibrationMethod::OutputMse, {{1.1754944e-38f, 0.3f, 1e30f}, {1.5f, 2, 3}}, 0, 0.15, 1e-5}};
  calibration.inputs = {input, input};
  calibration.inputs[1].product = "name with \"quotes\", colons: and \n";
  calibration.inputs[1].not_finite = 4;
  return calibration;
}

TEST(CalibrationFile, ComesBackAsItWas) {
  const TemporaryDirectory directory;
  save_calibration(example(), directory / "x.calib");
  EXPECT_EQ(load_calibration(directory / "x.calib"), example());
  EXPECT_EQ(calibration_to_json(example()), calibration_to_json(example()));
}

void expect_refused(const std::string& text, const std::string& message) {
  expect_error(ErrorCode::CorruptFile, message, [&] { calibration_from_json(text); });
}

std::string changed(const std::string& from, const std::string& to) {
  std::string text = calibration_to_json(example());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CalibrationFile, RefusesWhatCannotBe) {
  expect_refused("", "not valid JSON");
  expect_refused("[]", "its 'format' is not 'vitro-calibration'");
  expect_refused(changed("\"version\": 1", "\"version\": 2"),
                 "version 2, this Vitro reads version 1");
}

TEST(CalibrationFile, NamesInputAndField) {
  const std::string where = "'blocks.0.fc1'";
  expect_refused(changed("\"channels\":3", "\"channels\":0"),
                 where + ": 'channels' is 0, expected 1 to");
  expect_refused(changed("\"channels\":3", "\"channels\":4"),
                 where + ": 'means' has 3 numbers, expected one or 4");
  expect_refused(changed("\"factor\":0.1", "\"factor\":0"), where + " 'entropy': 'factor' is 0");
  expect_refused(changed("\"factor\":0.1", "\"factor\":-1"), where + " 'entropy': 'factor' is -1");
  expect_refused(changed("\"factor\":0.1", "\"factor\":1e999"), "a number is too large");
  expect_refused(changed("\"factor\":0.1", "\"factor\":1e39"), where + " 'entropy': 'factor' is");
  expect_refused(changed("\"factor\":0.1", "\"factor\":null"), "'factor' is null");
  expect_refused(changed("\"factor\":0.1", "\"factor\":NaN"), "not valid JSON");
  expect_refused(changed("\"offset\":128.0", "\"offset\":\"128\""), "'offset' is string");
  expect_refused(changed("[1.5,2.0,3.0]", "[1.5,2.0]"),
                 "'offset' has 2 numbers, expected one or 3");
  expect_refused(changed("\"clipped\":0.001", "\"clipped\":1.5"), "'clipped' is 1.5");
  expect_refused(changed("\"rows\":100", "\"rows\":-1"), "'rows' is -1");
  expect_refused(changed("\"rows\":100,", ""), "'rows' is missing");
  expect_refused(changed("\"min\":-0.1", "\"min\":1e39"), "'min' is 1e+39");
  expect_refused(changed("\"entropy\"", "\"kl\""), "method 'kl' is not known");
  expect_refused(changed("\"output-mse\"", "\"entropy\""), "'entropy' is there twice");
  expect_refused(changed("[1,2,3]", "[1,-2,3]"), "'counts' has -2");
  expect_refused(changed("0123456789abcdef", "0123"), "'hash' is '0123'");
  expect_refused(changed("\"count\":12", "\"count\":0"), "'count' is 0");
  Calibration twice = example();
  twice.inputs[1].product = twice.inputs[0].product;
  expect_refused(calibration_to_json(twice), "product 'blocks.0.fc1' is there twice");
}

TEST(CalibrationFile, RefusesEveryTruncation) {
  const TemporaryDirectory directory;
  const std::string text = calibration_to_json(example());
  for (size_t size = 0; size + 3 < text.size(); size += 7) {
    std::ofstream(directory / "x.calib", std::ios::binary) << text.substr(0, size);
    expect_error(ErrorCode::CorruptFile,
                 "x.calib': calibration: ", [&] { load_calibration(directory / "x.calib"); });
  }
}

TEST(CalibrationFile, RefusesOrReadsAnyBytes) {
  const std::string good = calibration_to_json(example());
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (size_t flips = random() % 4 + 1; flips > 0; --flips)
      text[random() % text.size()] = static_cast<char>(random());
    try {
      const std::string again = calibration_to_json(calibration_from_json(text));
      EXPECT_EQ(calibration_to_json(calibration_from_json(again)), again);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::CorruptFile) << error.what();
    }
  }
  std::string many = "{";
  for (int i = 0; i < 100000; ++i) many += fmt::format("\"{}\": 1, ", i);
  expect_refused(many + "\"x\": 1}", "an object of more than 64 parts");
  expect_refused(std::string(1 << 20, '['), "not valid JSON");
}

TEST(Calibration, SaysWhichMethodsItHas) {
  const auto codes = quantizations_of(example(), CalibrationMethod::OutputMse);
  ASSERT_EQ(codes.size(), 2u);
  EXPECT_EQ(codes.at("blocks.0.fc1").offset[0], 1.5f);
  expect_error(ErrorCode::NotFound,
               "nothing of method mse for 'blocks.0.fc1', only of entropy, output-mse",
               [] { quantizations_of(example(), CalibrationMethod::Mse); });
}

TEST(Calibration, KnowsItsModel) {
  PlanInfo info;
  info.source = "m.onnx";
  info.source_checksum = "00";
  std::vector<WeightRecord> weights{{"w", {1}, DType::Float32, "x", "11"}};
  Calibration calibration = example();
  calibration.model_hash = model_hash(info, weights);
  check_model(calibration, info, weights, "x.calib");
  weights[0].checksum = "12";
  expect_error(ErrorCode::InvalidArgument,
               "calibration 'x.calib' is of another model: 'small.safetensors'",
               [&] { check_model(calibration, info, weights, "x.calib"); });
}

TEST(Calibration, SummariesKeepEveryValue) {
  ThreadTeam team(1);
  TensorStatistics statistics(1);
  statistics.add(std::vector<float>{-2, 0, 1, 6, 6}, team);
  const HistogramSummary summary = summary_of(statistics);
  ASSERT_EQ(summary.counts.size(), 64u);
  EXPECT_EQ(summary.low, -2);
  EXPECT_EQ(summary.high, 6);
  EXPECT_EQ(summary.counts[63], 2u);
  EXPECT_EQ(summary.counts[16], 1u) << "zero";
  TensorStatistics zeros(1);
  zeros.add(std::vector<float>(4), team);
  EXPECT_EQ(summary_of(zeros).counts[0], 4u);
}

TEST(TensorRtCache, ReadsWhatItWrites) {
  const std::string text =
      "TRT-8601-EntropyCalibration2\n/a/(Unnamed Layer* 3) [Shuffle]: x: 3c008912\ndata: "
      "3c010a14\n";
  const TensorRtCache cache = parse_tensorrt_cache(text);
  EXPECT_EQ(cache.version, "8601");
  EXPECT_EQ(cache.method, CalibrationMethod::Entropy);
  EXPECT_NEAR(cache.scales.at("data") * 127, 2048.5 / 2048, 1e-6);
  EXPECT_NEAR(cache.scales.at("/a/(Unnamed Layer* 3) [Shuffle]: x") * 127, 2040.5 / 2048, 1e-6);
  EXPECT_EQ(tensorrt_cache_text(cache), text);
  EXPECT_EQ(parse_tensorrt_cache("TRT-100300-MinMaxCalibration\r\nx: 3C010A14\r\n").method,
            CalibrationMethod::MinMax);
}

TEST(TensorRtCache, NamesTheLineThatIsWrong) {
  const auto refused = [](const std::string& text, const std::string& message) {
    expect_error(ErrorCode::CorruptFile, message, [&] { parse_tensorrt_cache(text); });
  };
  refused("", "");
  refused("data: 3c010a14\n", "line 1 is 'data: 3c010a14'");
  refused("TRT-8601-LegacyCalibration\n", "the calibrator 'LegacyCalibration'");
  refused("TRT-x-EntropyCalibration2\n", "the version 'x'");
  refused("TRT--EntropyCalibration2\n", "the version ''");
  const std::string head = "TRT-8601-EntropyCalibration2\n";
  for (const char* scale : {"3c010a1", "3c010a141", "zzzzzzzz", "", "0x3c0100"})
    refused(head + "x: " + scale + "\ny: 3c010a14\n", "expected");
  for (const char* scale : {"00000000", "80000000", "7f800000", "7fc00000", "bc010a14", "00000001"})
    refused(head + "x: " + scale, "line 2: the scale " + std::string(scale));
  refused(head + "x: 3c010a14\nx: 3c010a14", "line 3: 'x' is there twice");
  refused(head + "x 3c010a14", "line 2 is 'x 3c010a14'");
}

TEST(TensorRtCache, BecomesSymmetricCodesAndBack) {
  Calibration calibration = example();
  calibration.inputs.pop_back();
  calibration.inputs[0].ranges[0].codes = symmetric_codes(2.5, 3);
  const TensorRtCache cache = to_tensorrt_cache(calibration, CalibrationMethod::Entropy);
  EXPECT_EQ(cache.scales.begin()->first, "/blocks.0/norm_output_0");
  EXPECT_NEAR(cache.scales.begin()->second, 2.5 / 127, 1e-8);
  const auto codes = quantizations_of(cache, calibration.inputs);
  EXPECT_NEAR(codes.at("blocks.0.fc1").factor[2], 127 / 2.5, 1e-4);
  EXPECT_EQ(codes.at("blocks.0.fc1").offset[2], 128);
  expect_error(ErrorCode::InvalidArgument, "expected entropy or minmax",
               [&] { to_tensorrt_cache(calibration, CalibrationMethod::OutputMse); });
  expect_error(ErrorCode::NotFound, "has 0 tensors, and none is an input",
               [&] { quantizations_of(TensorRtCache(), calibration.inputs); });
}

}  // namespace
}  // namespace vitro::test
