#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>

#include "calibration/calibration_file.h"
#include "calibration/tensorrt_cache.h"
#include "cli/calibrate/report.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing_options.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"

namespace vitro::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<CalibrationMethod> methods_of(const std::vector<std::string>& names) {
  if (names == std::vector<std::string>{"all"})
    return {std::begin(kCalibrationMethods), std::end(kCalibrationMethods)};
  std::vector<CalibrationMethod> methods;
  for (const std::string& name : names) {
    const CalibrationMethod method = calibration_method(name);
    if (std::find(methods.begin(), methods.end(), method) == methods.end())
      methods.push_back(method);
  }
  return methods;
}

/// The one of the methods that TensorRT has.
CalibrationMethod tensorrt_method(const std::vector<CalibrationMethod>& methods) {
  for (CalibrationMethod method : {CalibrationMethod::Entropy, CalibrationMethod::MinMax})
    if (std::find(methods.begin(), methods.end(), method) != methods.end()) return method;
  fail_hint(ErrorCode::InvalidArgument, "--calib-method entropy,output-mse keeps both",
            "--tensorrt-cache needs --calib-method entropy or minmax");
}

/// Where an interrupted calibration is kept; nowhere for a device or a pipe.
std::filesystem::path partial_of(const std::filesystem::path& output) {
  std::error_code ignored;
  if (std::filesystem::exists(output, ignored) &&
      !std::filesystem::is_regular_file(output, ignored))
    return {};
  return output.string() + ".partial";
}

/// Says what was done when Ctrl-C came.
int interrupted(const std::filesystem::path& partial) {
  std::error_code ignored;
  if (!partial.empty() && std::filesystem::exists(partial, ignored))
    report_error(
        fmt::format("calibration was interrupted; what it gathered is in '{}'", partial.string()),
        "the same command goes on from there; without the file it begins anew", kInterruptedCode);
  else
    report_error("calibration was interrupted; nothing was written",
                 "the same command begins anew; --max-images N takes fewer", kInterruptedCode);
  return kInterrupted;
}

int run_calibrate(CalibrateVerbOptions& options) {
  const auto start = Clock::now();
  CalibrateOptions& calibrate_options = options.calibrate;
  calibrate_options.methods = methods_of(options.methods);
  calibrate_options.threads = options.session.threads;
  calibrate_options.limits = options.limits;
  const std::vector<std::string> inputs{options.model, options.images,
                                        calibrate_options.evaluation.string()};
  check_writable(options.output, inputs);
  if (!options.tensorrt_cache.empty()) {
    tensorrt_method(calibrate_options.methods);
    check_writable(options.tensorrt_cache, inputs);
    check(options.tensorrt_cache != options.output, ErrorCode::InvalidArgument,
          "'{}' is both the calibration and TensorRT's cache", options.output);
  }
  int64_t failures = 0, resumed = 0;  // the time left is that of what this run does
  Progress progress("calibrate", "images", 1, options.quiet);
  calibrate_options.on_progress = [&](int64_t done, int64_t total) {
    progress.update(done - resumed, total - resumed);
  };
  calibrate_options.on_failure = [&](const std::string& message) {
    progress.clear();
    ++failures;
    report_error(message, {}, error_code_name(ErrorCode::CorruptFile));
  };
  calibrate_options.stop = was_interrupted;
  calibrate_options.partial = partial_of(options.output);
  calibrate_options.on_resume = [&](int64_t done, int64_t total) {
    resumed = done;
    if (!options.quiet)
      fmt::print(stderr, "resuming at image {} of {}, from '{}'\n", done, total,
                 calibrate_options.partial.string());
  };
  calibrate_options.on_restart = [&](const std::string& reason) {
    log_warning("'{}' is not gone on from, and will be replaced: {}",
                calibrate_options.partial.string(), printable_line(reason));
  };
  const InterruptGuard guard;
  const std::optional<Calibration> calibration =
      calibrate(options.model, options.build, find_images(options.images), calibrate_options);
  progress.clear();
  if (!calibration) return interrupted(calibrate_options.partial);
  for (const std::string& note : calibration->notes) log_warning("{}", printable_line(note));
  save_calibration(*calibration, options.output);
  if (std::error_code ignored; !calibrate_options.partial.empty())
    std::filesystem::remove(calibrate_options.partial, ignored);
  if (!options.tensorrt_cache.empty())
    write_file_atomic(options.tensorrt_cache,
                      as_byte_span(tensorrt_cache_text(to_tensorrt_cache(
                          *calibration, tensorrt_method(calibrate_options.methods)))));
  report(options, *calibration, seconds_since(start));
  return failures > 0 ? kRuntimeError : kSuccess;
}

void add_sample_options(CLI::App& verb, SampleOptions& sample) {
  verb.add_option("--sample", sample.count,
                  "Draw N pictures of TRAIN_DIR/CLASS/, evenly of its classes, and write a list of "
                  "them instead")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kSampleGroup);
  verb.add_option("--per-class", sample.per_class,
                  "At most K pictures of each class; alone: K of each class")
      ->option_text("K")
      ->check(positive_integer())
      ->group(kSampleGroup);
  verb.add_option("--seed", sample.seed, "Another draw; default: 0")
      ->option_text("S")
      ->check(integer_between(0, INT64_MAX))
      ->group(kSampleGroup);
}

void add_calibrate_options(CLI::App& verb, CalibrateVerbOptions& options) {
  std::vector<std::string> methods = calibration_method_names();
  methods.emplace_back("all");
  verb.add_option(
          "-o,--output", options.output,
          "Calibration to write, or list (required); while it runs, FILE.partial keeps what "
          "an interrupted run goes on from")
      ->option_text("FILE")
      ->required()
      ->group(kOutputGroup);
  verb.add_option("--tensorrt-cache", options.tensorrt_cache,
                  "Write the ranges of entropy or minmax as TensorRT's calibration cache, too")
      ->option_text("FILE")
      ->group(kOutputGroup);
  verb.add_option("--calib-method", options.methods,
                  "How ranges are chosen: output-mse, mse, percentile, entropy, minmax or all; "
                  "default: output-mse")
      ->option_text("METHOD,...")
      ->delimiter(',')
      ->check(one_of(methods))
      ->group(kExecutionGroup);
  verb.add_option_function<std::string>(
          "--smoothing",
          [&options](const std::string& text) { options.calibrate.smoothing = text == "search"; },
          "Whether methods may divide channels by factors, where that makes the results of a "
          "product better; default: output-mse searches, the others do not")
      ->option_text("search|none")
      ->check(one_of({"search", "none"}))
      ->group(kExecutionGroup);
  verb.add_option("--max-images", options.calibrate.max_images,
                  "Take only N pictures, evenly spread; default: 1024")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--eval", options.calibrate.evaluation,
                  "Folder or list of the evaluation: warn of pictures that are there too, or pass "
                  "over them with --sample")
      ->option_text("IMAGES")
      ->group(kExecutionGroup);
  verb.add_option("-b,--batch,--batch-size", options.calibrate.batch,
                  "Images in one run; default: 8")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("-t,--threads", options.session.threads, "Threads; default: one for each core")
      ->option_text("N")
      ->check(thread_count())
      ->group(kExecutionGroup);
}

}  // namespace

Action add_calibrate(CLI::App& verb) {
  auto options = std::make_shared<CalibrateVerbOptions>();
  verb.add_option("MODEL", options->model,
                  "Checkpoint (.safetensors, sharded or not, .pth) or .onnx; with --sample a "
                  "folder of one directory per class")
      ->option_text("MODEL|TRAIN_DIR")
      ->required();
  add_build_options(verb, options->build);
  add_preprocessing_options(verb, options->build);
  verb.add_option("IMAGES", options->images,
                  "Folder of pictures like those of the training, or a list of them: a path a line")
      ->option_text("IMAGES");
  add_picture_options(verb, options->limits);
  add_calibrate_options(verb, *options);
  add_sample_options(verb, options->sample);
  add_verbose_option(verb, *options);
  add_output_options(verb, *options);
  verb.callback([options] {
    if (options->draws_sample() && !options->images.empty())
      throw CLI::ValidationError("IMAGES", "is not for --sample, which takes TRAIN_DIR alone");
    if (!options->draws_sample() && options->images.empty()) throw CLI::RequiredError("IMAGES");
    if (!options->tensorrt_cache.empty() && options->calibrate.smoothing.value_or(false))
      throw CLI::ValidationError("--tensorrt-cache",
                                 "has a scale for a whole tensor, not the factors of its channels "
                                 "that --smoothing search gives");
  });
  return [options] {
    apply_log_options(*options);
    return options->draws_sample() ? run_sample(*options) : run_calibrate(*options);
  };
}

}  // namespace vitro::cli
