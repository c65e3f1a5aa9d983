#include "calibration/calibrate.h"
#include "core/check.h"
#include "runtime/open.h"

namespace vitro {
namespace {

constexpr std::pair<const char*, BiasCorrection> kBiasCorrections[] = {
    {"none", BiasCorrection::None},
    {"rounding", BiasCorrection::Rounding},
    {"sequential", BiasCorrection::Sequential}};

}  // namespace

BiasCorrection bias_correction(std::string_view name) {
  for (const auto& [known, correction] : kBiasCorrections)
    if (name == known) return correction;
  fail(ErrorCode::InvalidArgument,
       "bias correction '{:.80}', expected none, rounding or sequential", name);
}

CodesRequest codes_request(const QuantizeOptions& options) {
  check(options.dtype == DType::Int8 || options.dtype == DType::Float8E4M3,
        ErrorCode::InvalidArgument, "products of {}, expected I8 or F8_E4M3",
        dtype_name(options.dtype));
  check(
      !options.calibration.empty(), ErrorCode::InvalidArgument,
      "a build in 8 bits needs a calibration: a file of 'vitro calibrate', a cache of TensorRT, or "
      "pictures");
  std::optional<std::vector<LayerPrecision>> precisions(std::in_place);
  if (!options.layer_precisions.empty())
    precisions = parse_layer_precisions(options.layer_precisions);
  check(
      precisions.has_value(), ErrorCode::InvalidArgument,
      "layer precisions '{:.200}', expected NAME:fp32, NAME:int8 or NAME:fp8, with commas between",
      options.layer_precisions);
  CodesRequest request;
  request.calibration = options.calibration;
  request.calibrate.methods = {calibration_method(options.method)};
  request.calibrate.threads = options.threads;
  request.dtype = options.dtype;
  request.precisions = *precisions;
  request.bias_correction = options.bias_correction;
  request.bias_images = options.bias_images;
  return request;
}

Plan build(const std::filesystem::path& model, const BuildOptions& options,
           const QuantizeOptions& quantize) {
  std::vector<std::string> notes;
  CodesRequest request = codes_request(quantize);
  request.calibrate.on_failure = quantize.on_note;
  auto made = codes_for(model, options, request, notes);  // which nothing stops
  for (const std::string& note : notes) quantize.on_note(note);
  return build_quantized(model, options, std::move(made->codes), std::move(made->record));
}

}  // namespace vitro
