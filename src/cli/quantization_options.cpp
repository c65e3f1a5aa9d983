#include "cli/quantization_options.h"

#include "calibration/calibrate.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/validators.h"
#include "core/log.h"
#include "runtime/open.h"

namespace vitro::cli {
namespace {

CLI::Validator layer_precisions_text() {
  return CLI::Validator(
      [](std::string& text) {
        if (parse_layer_precisions(text)) return std::string();
        return fmt::format("got '{}', expected NAME:fp32 or NAME:int8, with commas between", text);
      },
      "PRECISIONS");
}

}  // namespace

void add_quantization_options(CLI::App& verb, QuantizationOptions& options) {
  CLI::Option* int8 = verb.add_flag(
      "--int8", options.int8, "Products of 8-bit integers; what they read is taken from --calib");
  int8->group(kQuantizationGroup);
  CLI::Option* calibration =
      verb.add_option("--calib", options.calibration,
                      "What 'vitro calibrate' wrote, TensorRT's calibration cache, or pictures to "
                      "calibrate with (a folder, or a list)");
  calibration->option_text("FILE|IMAGES")->needs(int8)->group(kQuantizationGroup);
  int8->needs(calibration);
  verb.add_option("--calib-method", options.method,
                  "How ranges are chosen: output-mse, mse, percentile, entropy or minmax; default: "
                  "output-mse")
      ->option_text("METHOD")
      ->check(one_of(calibration_method_names()))
      ->needs(calibration)
      ->group(kQuantizationGroup);
  verb.add_option_function<std::string>(
          "--layerPrecisions",
          [&options](const std::string& text) {
            options.precisions = *parse_layer_precisions(text);
          },
          "Products that stay float32 all the same, or are in 8 bits, by name as trtexec has it: "
          "head:fp32,blocks4.*.fc2:fp32; the last name that fits counts")
      ->option_text("NAME:fp32|int8,...")
      ->check(layer_precisions_text())
      ->needs(int8)
      ->group(kQuantizationGroup);
}

std::optional<Plan> quantized(const std::string& model, const BuildOptions& build,
                              const QuantizationOptions& options, bool quiet) {
  CalibrateOptions calibrate;
  calibrate.methods = {calibration_method(options.method)};
  Progress progress("calibrate", "images", 0, quiet);
  calibrate.on_progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  calibrate.on_failure = [&](const std::string& message) {
    progress.clear();
    log_warning("{}", printable_line(message));
  };
  calibrate.stop = was_interrupted;
  const InterruptGuard guard;
  std::vector<std::string> notes;
  auto codes = codes_for(model, build, options.calibration, calibrate, options.precisions, notes);
  progress.clear();
  if (!codes) return std::nullopt;
  for (const std::string& note : notes) log_warning("{}", printable_line(note));
  return build_quantized(model, build, std::move(codes->codes), std::move(codes->record));
}

}  // namespace vitro::cli
