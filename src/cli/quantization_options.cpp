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

void add_quantization_options(CLI::App& verb, QuantizationOptions& options) {
  constexpr const char* kGroup = "8 bits";
  CLI::Option* int8 = verb.add_flag(
      "--int8", options.int8, "Products of 8-bit integers; what they read is taken from --calib");
  int8->group(kGroup);
  CLI::Option* calibration =
      verb.add_option("--calib", options.calibration,
                      "What 'vitro calibrate' wrote, TensorRT's calibration cache, or pictures to "
                      "calibrate with (a folder, or a list)");
  calibration->option_text("FILE|IMAGES")->needs(int8)->group(kGroup);
  int8->needs(calibration);
  verb.add_option("--calib-method", options.method,
                  "How ranges are chosen: output-mse, mse, percentile, entropy or minmax; default: "
                  "output-mse")
      ->option_text("METHOD")
      ->check(one_of(calibration_method_names()))
      ->needs(calibration)
      ->group(kGroup);
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
  const auto inputs = quantizations_for(model, build, options.calibration, calibrate, notes);
  progress.clear();
  if (!inputs) return std::nullopt;
  for (const std::string& note : notes) log_warning("{}", printable_line(note));
  return build_quantized(model, build, *inputs);
}

}  // namespace vitro::cli
