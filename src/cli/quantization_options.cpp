#include "cli/quantization_options.h"

#include <CLI/CLI.hpp>

#include "calibration/calibrate.h"
#include "cli/interrupt.h"
#include "cli/max_drop.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/quantization_report.h"
#include "cli/validators.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "runtime/open.h"

namespace vitro::cli {
namespace {

CLI::Validator layer_precisions_text() {
  return CLI::Validator(
      [](std::string& text) {
        if (parse_layer_precisions(text)) return std::string();
        return fmt::format(
            "got '{}', expected NAME:fp32, NAME:int8 or NAME:fp8, with commas between", text);
      },
      "PRECISIONS");
}

void add_bias_options(CLI::App& verb, QuantizationOptions& options, CLI::Option* calibration) {
  verb.add_option_function<std::string>(
          "--bias-correction",
          [&options](const std::string& text) {
            options.quantize.bias_correction = bias_correction(text);
          },
          "What is taken from biases: none; rounding: what rounded weights add for the mean "
          "input; sequential: the mean error of each product's results, measured on "
          "pictures with those before it in 8 bits; default: rounding")
      ->option_text("none|rounding|sequential")
      ->check(one_of({"none", "rounding", "sequential"}))
      ->needs(calibration)
      ->group(kQuantizationGroup);
  verb.add_option("--bias-images", options.quantize.bias_images,
                  "Pictures for a sequential correction, of which 64 are taken; default: those of "
                  "--calib")
      ->option_text("IMAGES")
      ->needs(calibration)
      ->group(kQuantizationGroup);
}

void add_bound_options(CLI::App& verb, QuantizationOptions& options, CLI::Option* calibration) {
  CLI::Option* bound =
      verb.add_option("--max-drop", options.max_drop,
                      "Restore products to float32 until top-1 on --eval is at most so many points "
                      "below that in float32; exit with 3 when that cannot be");
  bound->option_text("POINTS")
      ->check(number_between(0, 100))
      ->needs(calibration)
      ->group(kQuantizationGroup);
  CLI::Option* evaluation =
      verb.add_option("--eval", options.evaluation,
                      "Images for --max-drop, in one directory per class; not those of --calib");
  evaluation->option_text("IMAGE_FOLDER")->needs(bound)->group(kQuantizationGroup);
  bound->needs(evaluation);
  verb.add_option("--sensitivity-images", options.sensitivity_images,
                  "Images of --eval on which each product is tried alone in 8 bits; default: 64")
      ->option_text("N")
      ->check(integer_between(1, 512))
      ->needs(bound)
      ->group(kQuantizationGroup);
}

}  // namespace

void add_quantization_options(CLI::App& verb, QuantizationOptions& options) {
  CLI::Option* int8 = verb.add_flag(
      "--int8", options.int8, "Products of 8-bit integers; what they read is taken from --calib");
  int8->group(kQuantizationGroup);
  CLI::Option* fp8 = verb.add_flag(
      "--fp8", options.fp8,
      "The same of 8-bit floats (e4m3), which NVIDIA's Hopper multiplies and others as floats");
  fp8->group(kQuantizationGroup)->excludes(int8);
  CLI::Option* calibration =
      verb.add_option("--calib", options.quantize.calibration,
                      "What 'vitro calibrate' wrote, TensorRT's calibration cache, or pictures to "
                      "calibrate with (a folder, or a list)");
  calibration->option_text("FILE|IMAGES")->group(kQuantizationGroup);
  int8->needs(calibration);
  fp8->needs(calibration);
  verb.add_option("--calib-method", options.quantize.method,
                  "How ranges are chosen: output-mse, mse, percentile, entropy or minmax; default: "
                  "output-mse")
      ->option_text("METHOD")
      ->check(one_of(calibration_method_names()))
      ->needs(calibration)
      ->group(kQuantizationGroup);
  verb.add_option(
          "--layerPrecisions", options.quantize.layer_precisions,
          "Products that stay float32 all the same, or are in 8 bits, by name as trtexec has it: "
          "patch_embed1.*:fp32,blocks4.*.fc2:fp32; the last name that fits counts; the head, which "
          "stays float32 unless it is named, is in 8 bits with head:int8")
      ->option_text("NAME:fp32|int8|fp8,...")
      ->check(layer_precisions_text())
      ->needs(calibration)
      ->group(kQuantizationGroup);
  add_bias_options(verb, options, calibration);
  add_bound_options(verb, options, calibration);
}

void check_quantization_options(const QuantizationOptions& options) {
  if (!options.quantize.calibration.empty() && !options.in_8_bits())
    throw CLI::RequiresError("--calib", "--int8 or --fp8");
  const bool sequential = options.quantize.bias_correction == BiasCorrection::Sequential;
  if (!options.quantize.bias_images.empty() && !sequential)
    throw CLI::RequiresError("--bias-images", "--bias-correction sequential");
  if (options.max_drop && sequential)
    throw CLI::ValidationError(
        "--max-drop",
        "restores products, for which a sequential bias correction of the others "
        "would not hold: expected another --bias-correction");
}

namespace {

QuantizedPlan interrupted(const char* what, const char* hint) {
  report_error(fmt::format("{} was interrupted; nothing was written", what), hint,
               kInterruptedCode);
  return {{}, kInterrupted};
}

/// Nothing when that was interrupted.
std::optional<CalibratedCodes> calibrated(const std::string& model, const BuildOptions& build,
                                          const QuantizationOptions& options, bool quiet) {
  QuantizeOptions quantize = options.quantize;
  quantize.dtype = options.fp8 ? DType::Float8E4M3 : DType::Int8;
  CodesRequest request = codes_request(quantize);
  CalibrateOptions& calibrate = request.calibrate;
  calibrate.evaluation = options.evaluation;
  Progress progress("calibrate", "images", 0, quiet);
  calibrate.on_progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  calibrate.on_failure = [&](const std::string& message) {
    progress.clear();
    log_warning("{}", printable_line(message));
  };
  calibrate.stop = was_interrupted;
  std::vector<std::string> notes;
  auto codes = codes_for(model, build, request, notes);
  progress.clear();
  if (codes)
    for (const std::string& note : notes) log_warning("{}", printable_line(note));
  return codes;
}

/// What a bound that cannot be kept says.
void report_out_of_reach(const QuantizationRecord& record) {
  const PrecisionSearch& search = *record.search;
  const bool forced = std::any_of(record.products.begin(), record.products.end(),
                                  [](const ProductRecord& product) { return product.forced; });
  report_error(
      fmt::format("top-1 is {:.2f} points below that in float32 with {} product{} in 8 bits, the "
                  "fewest that were tried, more than the {:g} of --max-drop; nothing was written",
                  search.drop(search.points.back()).value, search.points.back().products,
                  search.points.back().products == 1 ? "" : "s", search.max_drop),
      forced ? "--layerPrecisions forces products into 8 bits: without, they may be restored"
             : "calibrate with more pictures, or by another --calib-method",
      kGateCode);
}

}  // namespace

QuantizedPlan quantized(const CommonOptions& common, const BuildOptions& build,
                        const QuantizationOptions& options) {
  const std::string& model = common.model;
  const InterruptGuard guard;
  std::optional<MaxDrop> bound;  // before the calibration: a bad folder should not cost that
  if (options.max_drop) bound.emplace(model, build, options, common.quiet);
  auto made = calibrated(model, build, options, common.quiet);
  if (!made)
    return interrupted("calibration",
                       "'vitro calibrate' keeps what it measures for builds to come");
  auto& [codes, record] = *made;
  if (bound) {
    const SearchResult result = bound->search(codes, record);
    if (result == SearchResult::Stopped)
      return interrupted("the search for --max-drop", "the same command begins anew");
    if (result == SearchResult::OutOfReach) {
      if (!common.json) write_stdout(search_text(record, false));
      report_out_of_reach(record);
      return {{}, kGateFailed};
    }
  }
  Plan plan = build_quantized(model, build, std::move(codes), std::move(record));
  if (was_interrupted()) return interrupted("the build", "the same command begins anew");
  return {std::move(plan), kSuccess};
}

}  // namespace vitro::cli
