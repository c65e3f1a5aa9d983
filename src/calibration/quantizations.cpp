#include "calibration/calibrate.h"
#include "calibration/calibration_file.h"
#include "calibration/products.h"
#include "calibration/tensorrt_cache.h"
#include "calibration/unfused.h"
#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/json.h"

namespace vitro {
namespace {

Quantization from_tensorrt(const PlanData& plan, std::string_view text,
                           std::vector<std::string>& notes) {
  std::vector<CalibratedInput> inputs;
  for (CalibratedProduct& product : find_products(plan.graph).products) {
    inputs.emplace_back();
    inputs.back().product = std::move(product.name);
    inputs.back().input_names = std::move(product.input_names);
    inputs.back().channels = product.channels;
  }
  std::vector<std::string> missing;
  Quantization result = quantizations_of(parse_tensorrt_cache(text), inputs, &missing);
  if (!missing.empty())
    notes.push_back(
        fmt::format("the cache has no scale for the inputs of {} of {} products, such "
                    "as '{}': they stay as they are",
                    missing.size(), inputs.size(), missing[0]));
  return result;
}

Quantization from_file(const PlanData& plan, const std::filesystem::path& file,
                       CalibrationMethod method, std::vector<std::string>& notes) {
  const Calibration calibration = load_calibration(file);
  check_model(calibration, plan.info, plan.weights, file.string());
  if (plan.info.classifier)
    if (const std::string now = preprocessing_id(plan.info.classifier->preprocessing);
        now != calibration.preprocessing)
      notes.push_back(fmt::format("'{}' was calibrated with preprocessing {}, the model has {}",
                                  file.string(), calibration.preprocessing, now));
  return quantizations_of(calibration, method);
}

}  // namespace

std::optional<Quantization> quantizations_for(const std::filesystem::path& model,
                                              const BuildOptions& build,
                                              const std::filesystem::path& calibration,
                                              const CalibrateOptions& options,
                                              std::vector<std::string>& notes) {
  check(!options.methods.empty(), ErrorCode::InvalidArgument, "no calibration method");
  std::error_code ignored;
  std::vector<std::byte> bytes;
  if (!std::filesystem::is_directory(calibration, ignored))
    bytes = read_file(calibration, kMaxJsonBytes);
  const std::string_view text = as_text(bytes);
  if (is_tensorrt_cache(text)) return from_tensorrt(*unfused_plan(model, build), text, notes);
  if (text.starts_with('{'))
    return from_file(*unfused_plan(model, build), calibration, options.methods[0], notes);
  CalibrateOptions one = options;
  one.methods.resize(1);
  const auto made = calibrate(model, build, calibration, one);
  if (!made) return std::nullopt;
  notes.insert(notes.end(), made->notes.begin(), made->notes.end());
  return quantizations_of(*made, one.methods[0]);
}

}  // namespace vitro
