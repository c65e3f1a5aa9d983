#include "calibration/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "calibration/calibration_file.h"
#include "calibration/images.h"
#include "calibration/small_model.h"
#include "calibration/tensorrt_cache.h"
#include "core/byte_reader.h"
#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "runtime/open.h"
#include "vitro/vitro.h"

namespace vitro::test {
namespace {

const BuildOptions kSmall = [] {
  BuildOptions options;
  options.height = options.width = 32;
  return options;
}();

class Calibrating : public testing::Test {
 protected:
  Calibrating() {
    write_small_model(model_);
    write_pictures(pictures_, 3, 5);
  }
  Calibration run(const std::filesystem::path& pictures, CalibrateOptions options = all()) {
    return *calibrate(model_, kSmall, find_images(pictures), options);
  }
  static CalibrateOptions all() {
    CalibrateOptions options;
    options.methods = {std::begin(kCalibrationMethods), std::end(kCalibrationMethods)};
    options.threads = 2;
    return options;
  }

  TemporaryDirectory directory_;
  std::filesystem::path model_ = directory_ / "m.onnx", pictures_ = directory_ / "train";
};

TEST_F(Calibrating, GivesCodesForEveryProductAndMethod) {
  const Calibration calibration = run(pictures_);
  EXPECT_EQ(calibration.images, 15);
  ASSERT_EQ(calibration.inputs.size(), 3u);
  EXPECT_EQ(calibration.inputs[0].input_names[0], "x");
  EXPECT_EQ(calibration.inputs[0].rows, 15 * 32 * 32);
  EXPECT_EQ(calibration.inputs[1].rows, 15 * 16 * 16);
  EXPECT_EQ(calibration.inputs[1].min, 0) << "behind a relu";
  for (const CalibratedInput& input : calibration.inputs)
    for (CalibrationMethod method : kCalibrationMethods) {
      const ChosenRange* range = input.find(method);
      ASSERT_NE(range, nullptr);
      ASSERT_EQ(range->codes.factor.size(), static_cast<size_t>(input.channels));
      for (float factor : range->codes.factor) EXPECT_TRUE(std::isnormal(factor) && factor > 0);
    }
  const ChosenRange& padded = *calibration.inputs[0].find(CalibrationMethod::OutputMse);
  EXPECT_EQ(padded.codes.offset[0], std::nearbyint(padded.codes.offset[0]));
  EXPECT_LT(*padded.nmse, 1e-3);
  for (const char* part : {"15 pictures are few", "crop_pct"})
    EXPECT_TRUE(std::any_of(calibration.notes.begin(), calibration.notes.end(),
                            [&](const std::string& note) { return note.find(part) != note.npos; }))
        << part;
}

TEST_F(Calibrating, ThreadsAndTheOrderOfRunsDoNotMatter) {
  CalibrateOptions one = all();
  one.threads = 1;
  EXPECT_EQ(run(pictures_, one), run(pictures_));
}

TEST_F(Calibrating, OneImageAndConstantImagesGiveADefinedResult) {
  std::filesystem::create_directories(directory_ / "one");
  write_picture(directory_ / "one" / "x.bmp", 1);
  std::filesystem::create_directories(directory_ / "constant");
  write_picture(directory_ / "constant" / "x.bmp", 1, true);
  for (const char* folder : {"one", "constant"}) {
    const Calibration calibration = run(directory_ / folder);
    EXPECT_EQ(calibration, calibration_from_json(calibration_to_json(calibration)));
  }
}

TEST_F(Calibrating, ModelsOfNoNumbersGiveADefinedResult) {
  write_small_model(model_, std::numeric_limits<float>::quiet_NaN());
  const Calibration calibration = run(pictures_);
  EXPECT_EQ(calibration.inputs[1].not_finite, 15 * 16 * 16 * 8);
  EXPECT_EQ(calibration, calibration_from_json(calibration_to_json(calibration)));
  write_small_model(model_, 1e36f);
  const Calibration large = run(pictures_);
  EXPECT_EQ(large, calibration_from_json(calibration_to_json(large)));
}

TEST_F(Calibrating, StopsAndTakesSome) {
  CalibrateOptions options = all();
  options.max_images = 4;
  EXPECT_EQ(run(pictures_, options).images, 4);
  options.stop = [] { return true; };
  EXPECT_FALSE(calibrate(model_, kSmall, find_images(pictures_), options).has_value());
}

TEST_F(Calibrating, PassesOverWhatCannotBeRead) {
  std::ofstream(pictures_ / "a" / "broken.png") << "no picture";
  CalibrateOptions options = all();
  int failures = 0;
  options.on_failure = [&](const std::string&) { ++failures; };
  EXPECT_EQ(run(pictures_, options).images, 15);
  EXPECT_EQ(failures, 1);
  std::filesystem::create_directories(directory_ / "broken");
  std::ofstream(directory_ / "broken" / "x.png") << "no picture";
  expect_error(ErrorCode::CorruptFile, "none of the pictures could be read",
               [&] { run(directory_ / "broken"); });
}

/// Stops after so many questions, of which there is one for each batch.
std::function<bool()> stop_after(int questions) {
  return [left = questions]() mutable { return left-- == 0; };
}

TEST_F(Calibrating, GoesOnFromWhatWasInterrupted) {
  std::ofstream(pictures_ / "a" / "broken.png") << "no picture";
  CalibrateOptions options = all();
  options.batch = 2;
  const Calibration whole = run(pictures_, options);
  options.partial = directory_ / "x.partial";
  int failures = 0;
  options.on_failure = [&](const std::string&) { ++failures; };
  std::vector<int64_t> resumed;
  options.on_resume = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 16);
    resumed.push_back(done);
  };
  options.on_restart = [](const std::string& reason) { ADD_FAILURE() << reason; };
  options.stop = stop_after(3);
  EXPECT_FALSE(calibrate(model_, kSmall, find_images(pictures_), options).has_value());
  options.stop = stop_after(7);  // while ranges are chosen
  EXPECT_FALSE(calibrate(model_, kSmall, find_images(pictures_), options).has_value());
  options.stop = [] { return false; };
  options.threads = 1;
  failures = 0;
  EXPECT_EQ(run(pictures_, options), whole);
  EXPECT_EQ(resumed, (std::vector<int64_t>{7, 16}));
  EXPECT_EQ(failures, 1) << "it is told again";
}

TEST_F(Calibrating, KeepsEverySoManyPictures) {
  CalibrateOptions options = all();
  options.batch = 2;
  options.keep_every = 4;
  options.partial = directory_ / "x.partial";
  std::vector<bool> kept;  // after each batch
  options.on_progress = [&](int64_t, int64_t) {
    kept.push_back(std::filesystem::exists(options.partial));
  };
  run(pictures_, options);
  EXPECT_EQ(kept, (std::vector<bool>{false, false, true, true, true, true, true, true}));
}

TEST_F(Calibrating, BeginsAnewWhereThePartialFileIsOfSomethingElse) {
  CalibrateOptions options = all();
  options.partial = directory_ / "x.partial";
  options.batch = 4;
  options.on_resume = [](int64_t, int64_t) { ADD_FAILURE() << "went on"; };
  std::string reason;
  options.on_restart = [&](const std::string& why) { reason = why; };
  const auto interrupt = [&](const CalibrateOptions& changed) {
    CalibrateOptions first = changed;
    std::filesystem::remove(options.partial);
    first.stop = stop_after(2);
    EXPECT_FALSE(calibrate(model_, kSmall, find_images(pictures_), first).has_value());
  };
  const auto restarts = [&](const std::string& why) {
    CalibrateOptions clean = options;
    clean.partial.clear();
    const Calibration expected = run(pictures_, clean);
    EXPECT_EQ(run(pictures_, options), expected);
    EXPECT_NE(reason.find(why), std::string::npos) << reason;
  };
  CalibrateOptions other = options;
  other.batch = 3;
  interrupt(other);
  restarts("batch 3");

  interrupt(options);
  write_picture(pictures_ / "a" / "more.bmp", 77);
  restarts("other pictures");

  interrupt(options);
  write_small_model(model_, 0.5f);
  restarts("another model");

  interrupt(options);
  std::filesystem::resize_file(options.partial, std::filesystem::file_size(options.partial) - 1);
  restarts("checksum");
  std::ofstream(options.partial) << "something";
  restarts("first line");
}

TEST_F(Calibrating, SmoothsAllMethodsWhereAsked) {
  CalibrateOptions options = all();
  options.smoothing = true;
  const Calibration calibration = run(pictures_, options), plain = run(pictures_);
  for (size_t i = 0; i < 3; ++i)
    for (CalibrationMethod method : kCalibrationMethods) {
      const ChosenRange &range = *calibration.inputs[i].find(method),
                        &before = *plain.inputs[i].find(method);
      ASSERT_TRUE(range.alpha.has_value() && range.nmse.has_value());
      if (method == CalibrationMethod::OutputMse)
        EXPECT_EQ(range, before) << "it searches in any case";
      else
        EXPECT_EQ(*range.alpha == 0, range.codes == before.codes);
    }
  options.smoothing = false;
  const Calibration none = run(pictures_, options);
  for (const CalibratedInput& input : none.inputs)
    EXPECT_EQ(input.find(CalibrationMethod::OutputMse)->alpha, 0);
}

/// By class, over pictures; `options` say what is corrected.
class BiasCorrections : public Calibrating {
 protected:
  CodesRequest request(BiasCorrection correction) {
    CodesRequest request{directory_ / "x.calib", all()};
    request.calibrate.methods = {CalibrationMethod::Entropy};  // which clips
    request.precisions = *parse_layer_precisions("head:int8");
    request.bias_correction = correction;
    request.bias_images = pictures_;
    return request;
  }
  std::vector<double> mean_answers(const Plan& plan) {
    Session session(plan, {.backend = "cpu", .threads = 1});
    std::vector<double> means(4);
    for (const LabelledImage& image : find_images(pictures_).images) {
      Tensor input({1, 3, 32, 32});
      preprocess(load_image(image.path), plan.classifier().preprocessing, input.as<float>());
      const Tensor answer = session.run(input);
      for (size_t c = 0; c < 4; ++c) means[c] += static_cast<double>(answer.as<float>()[c]) / 15;
    }
    return means;
  }
  double error(BiasCorrection correction) {
    std::vector<std::string> notes;
    CalibratedCodes made = *codes_for(model_, kSmall, request(correction), notes);
    const std::vector<double> expected = mean_answers(build(model_, kSmall)),
                              means = mean_answers(build_quantized(
                                  model_, kSmall, std::move(made.codes), std::move(made.record)));
    double most = 0;
    for (size_t c = 0; c < 4; ++c) most = std::max(most, std::abs(means[c] - expected[c]));
    return most;
  }
};

TEST_F(BiasCorrections, SequentialOnesMakeMeanAnswersThoseOfFloats) {
  save_calibration(run(pictures_), directory_ / "x.calib");
  EXPECT_GT(error(BiasCorrection::None), 1e-3);
  EXPECT_GT(error(BiasCorrection::Rounding), 1e-3);
  EXPECT_LT(error(BiasCorrection::Sequential), 1e-5);
}

TEST_F(BiasCorrections, NeedPicturesAndStop) {
  save_calibration(run(pictures_), directory_ / "x.calib");
  std::vector<std::string> notes;
  CodesRequest none = request(BiasCorrection::Sequential);
  none.bias_images.clear();
  expect_error(ErrorCode::InvalidArgument, "has no pictures to measure errors on",
               [&] { codes_for(model_, kSmall, none, notes); });
  none.calibration = pictures_;
  const auto codes = codes_for(model_, kSmall, none, notes);
  for (const auto& [name, input] : codes->codes) EXPECT_FALSE(input.error.empty()) << name;
  CodesRequest stopped = request(BiasCorrection::Sequential);
  stopped.calibrate.stop = [] { return true; };
  EXPECT_FALSE(codes_for(model_, kSmall, stopped, notes).has_value());
}

TEST_F(BiasCorrections, AListIsReadOnce) {
  CodesRequest listed = request(BiasCorrection::Sequential);
  listed.bias_images.clear();
  listed.calibration = directory_ / "once.txt";
  std::string text;
  for (const LabelledImage& image : find_images(pictures_).images)
    text += image.path.string() + "\n";
  write_file_atomic(listed.calibration, as_byte_span(text));
  listed.calibrate.on_progress = [&](int64_t, int64_t) {
    std::filesystem::remove(listed.calibration);
  };
  std::vector<std::string> notes;
  EXPECT_TRUE(codes_for(model_, kSmall, listed, notes).has_value());
}

TEST_F(BiasCorrections, TheBuildOfTheInterfaceTakesTheSame) {
  const auto bytes = [&](const Plan& plan) {
    save(plan, directory_ / "x.plan");
    return read_file(directory_ / "x.plan", 1 << 20);
  };
  save_calibration(run(pictures_), directory_ / "x.calib");
  std::vector<std::string> notes;
  CalibratedCodes made = *codes_for(model_, kSmall, request(BiasCorrection::Sequential), notes);
  QuantizeOptions options;
  options.calibration = directory_ / "x.calib";
  options.method = "entropy";
  options.layer_precisions = "head:int8";
  options.bias_correction = bias_correction("sequential");
  options.bias_images = pictures_;
  EXPECT_EQ(bytes(build(model_, kSmall, options)),
            bytes(build_quantized(model_, kSmall, std::move(made.codes), std::move(made.record))));
  options = {};
  options.calibration = pictures_;
  std::vector<std::string> told;
  options.on_note = [&](const std::string& note) { told.push_back(note); };
  const Plan plan = build(model_, kSmall, options);
  EXPECT_NE(plan.graph_text().find("quantized_conv"), std::string::npos);
  EXPECT_FALSE(told.empty()) << "15 pictures are few";
}

TEST_F(Calibrating, TheBuildOfTheInterfaceRefusesWhatCannotBe) {
  QuantizeOptions options;
  const auto refuse = [&](ErrorCode code, const char* message) {
    expect_error(code, message, [&] { build(model_, kSmall, options); });
  };
  refuse(ErrorCode::InvalidArgument, "needs a calibration");
  options.calibration = pictures_;
  options.dtype = DType::Int16;
  refuse(ErrorCode::InvalidArgument, "products of I16, expected I8 or F8_E4M3");
  options.dtype = DType::Float8E4M3;
  options.layer_precisions = "head";
  refuse(ErrorCode::InvalidArgument, "layer precisions 'head'");
  options.layer_precisions = "hea:fp8";
  refuse(ErrorCode::NotFound, "'hea'");
  expect_error(ErrorCode::InvalidArgument, "'all', expected none", [] { bias_correction("all"); });
}

TEST_F(Calibrating, RefusesPlans) {
  save(build(model_, kSmall), directory_ / "m.plan");
  expect_error(ErrorCode::InvalidArgument, "is a plan",
               [&] { calibrate(directory_ / "m.plan", {}, find_images(pictures_), all()); });
}

TEST_F(Calibrating, BuildsTakePicturesFilesAndCaches) {
  std::vector<std::string> notes;
  const auto codes = [&](const std::filesystem::path& from) {
    notes.clear();
    CalibrateOptions options = all();
    options.methods = {CalibrationMethod::Entropy};
    return codes_for(model_, kSmall, {from, options}, notes)->codes;
  };
  const Calibration calibration = run(pictures_);
  save_calibration(calibration, directory_ / "x.calib");
  std::ofstream(directory_ / "cache")
      << tensorrt_cache_text(to_tensorrt_cache(calibration, CalibrationMethod::Entropy));
  const auto from_pictures = codes(pictures_);
  EXPECT_FALSE(notes.empty());
  EXPECT_EQ(codes(directory_ / "x.calib"), from_pictures);
  EXPECT_TRUE(notes.empty());
  const auto from_cache = codes(directory_ / "cache");
  ASSERT_EQ(from_cache.size(), 3u);
  for (const auto& [name, expected] : from_pictures) {
    EXPECT_NEAR(from_cache.at(name).factor[0], expected.factor[0], 1e-4f * expected.factor[0]);
    EXPECT_EQ(from_cache.at(name).offset, expected.offset);
  }

  const auto evaluated_on = [&](const std::filesystem::path& evaluation) {
    notes.clear();
    CalibrateOptions options = all();
    options.evaluation = evaluation;
    codes_for(model_, kSmall, {directory_ / "x.calib", options}, notes);
    return notes;
  };
  ASSERT_EQ(evaluated_on(pictures_).size(), 1u);
  EXPECT_NE(notes[0].find("was calibrated with the pictures of"), std::string::npos) << notes[0];
  write_pictures(directory_ / "val", 3, 5, 100);
  EXPECT_TRUE(evaluated_on(directory_ / "val").empty());

  write_small_model(model_, 0.5f);
  expect_error(ErrorCode::InvalidArgument, "is of another model",
               [&] { codes(directory_ / "x.calib"); });
}

}  // namespace
}  // namespace vitro::test
