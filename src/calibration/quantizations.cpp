#include "calibration/bias_correction.h"
#include "calibration/calibrate.h"
#include "calibration/calibration_file.h"
#include "calibration/images.h"
#include "calibration/products.h"
#include "calibration/tensorrt_cache.h"
#include "calibration/unfused.h"
#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/file_io.h"
#include "core/json.h"
#include "passes/quantized_product.h"
#include "runtime/internals.h"

namespace vitro {
namespace {

/// All products, and which of them stay float whatever a calibration says, or unless asked for.
QuantizationRecord record_of(Graph graph, const FoundProducts& found, DType dtype) {
  const Matcher matcher(graph);
  QuantizationRecord record;
  for (const CalibratedProduct& product : found.products) {
    const Node& node = graph.nodes[product.node];
    std::string reason = why_float(matcher, node, dtype);
    if (reason.empty() && gives_result(matcher, node)) reason = kGivesResult;
    record.products.push_back(
        {.product = product.name, .stays_float = std::move(reason), .flops = product.flops});
  }
  return record;
}

void take_codes(CalibratedCodes& result, Quantization codes, DType dtype) {
  result.codes = std::move(codes);
  if (dtype == DType::Float8E4M3)
    for (auto& [name, input] : result.codes) input = float8_codes(input);
  for (ProductRecord& product : result.record.products)
    if (product.in_8_bits() && !result.codes.contains(product.product))
      product.stays_float = "the calibration has nothing of its input";
}

void take_calibration(CalibratedCodes& result, const Calibration& calibration,
                      CalibrationMethod method, DType dtype) {
  take_codes(result, quantizations_of(calibration, method), dtype);
  result.record.method = to_string(method);
  std::map<std::string, const CalibratedInput*> inputs;
  for (const CalibratedInput& input : calibration.inputs) inputs[input.product] = &input;
  for (ProductRecord& product : result.record.products) {
    const auto found = inputs.find(product.product);
    if (found == inputs.end()) continue;
    product.histogram = found->second->histogram;
    if (dtype != DType::Int8) continue;  // what follows was measured in int8
    const ChosenRange& range = *found->second->find(method);
    product.clipped = range.clipped;
    product.alpha = range.alpha;
    product.nmse = range.nmse;
  }
}

void take_tensorrt(CalibratedCodes& result, const FoundProducts& found, std::string_view text,
                   DType dtype, std::vector<std::string>& notes) {
  std::vector<CalibratedInput> inputs;
  for (const CalibratedProduct& product : found.products) {
    inputs.emplace_back();
    inputs.back().product = product.name;
    inputs.back().input_names = product.input_names;
    inputs.back().channels = product.channels;
  }
  std::vector<std::string> missing;
  take_codes(result, quantizations_of(parse_tensorrt_cache(text), inputs, &missing), dtype);
  if (!missing.empty())
    notes.push_back(
        fmt::format("the cache has no scale for the inputs of {} of {} products, such "
                    "as '{}': they stay as they are",
                    missing.size(), inputs.size(), missing[0]));
}

/// The hash of a calibration with that many of the pictures, see Calibration::image_hash.
std::string image_hash(const std::filesystem::path& images, int64_t count) {
  CalibrationImages pictures = find_images(images);
  keep_evenly(pictures, count);
  ThreadTeam team(available_cores());
  Checksum list;
  for (const std::string& hash : content_hashes(pictures.images, team))
    list.update(as_byte_span(hash));
  return list.digits();
}

Calibration checked_calibration(const PlanData& plan, std::string_view text,
                                const std::filesystem::path& file,
                                const std::filesystem::path& evaluation,
                                std::vector<std::string>& notes) {
  Calibration calibration = parse_calibration(text, file);
  check_model(calibration, plan.info, plan.weights, file.string());
  if (plan.info.classifier)
    if (const std::string now = preprocessing_id(plan.info.classifier->preprocessing);
        now != calibration.preprocessing)
      notes.push_back(fmt::format("'{}' was calibrated with preprocessing {}, the model has {}",
                                  file.string(), calibration.preprocessing, now));
  if (!evaluation.empty() && image_hash(evaluation, calibration.images) == calibration.image_hash)
    notes.push_back(
        fmt::format("'{}' was calibrated with the pictures of '{}': accuracy on them "
                    "is better than on others",
                    file.string(), evaluation.string()));
  return calibration;
}

/// Whether a file says ranges, and is no list of pictures to find them with.
bool holds_ranges(std::string_view text) {
  return is_tensorrt_cache(text) || text.starts_with('{');
}

/// What a calibration is taken from: the text of a file of ranges, or pictures.
struct Source {
  std::vector<std::byte> ranges;
  std::optional<CalibrationImages> pictures;
};

Source read_source(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return {{}, find_images(path)};
  try {
    std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
    if (holds_ranges(as_text(bytes))) return {std::move(bytes), {}};
    return {{}, listed_images(bytes, path)};
  } catch (const Error& error) {
    throw Error(error.code(), error.what(),
                "give what 'vitro calibrate' wrote, TensorRT's calibration cache, a folder of "
                "pictures, or a list with a path a line");
  }
}

/// Pictures to correct biases with; nothing where none are needed.
std::optional<CalibrationImages> bias_images(const CodesRequest& request, const Source& source) {
  if (request.bias_correction != BiasCorrection::Sequential) return std::nullopt;
  if (!request.bias_images.empty()) return find_images(request.bias_images);
  if (!source.pictures)
    fail_hint(ErrorCode::InvalidArgument,
              "name some, like those of the calibration: --bias-images IMAGES",
              "'{}' has no pictures to measure errors on, which a sequential bias correction needs",
              request.calibration.string());
  return source.pictures;
}

/// False when it was stopped.
bool correct(CalibratedCodes& result, const PlanData& plan,
             const std::optional<CalibrationImages>& images, const CodesRequest& request) {
  if (request.bias_correction == BiasCorrection::None)
    for (auto& [name, input] : result.codes) input.mean.clear();
  if (!images) return true;
  Quantization codes;  // of the products that will be in 8 bits
  for (const ProductRecord& product : result.record.products)
    if (product.in_8_bits()) codes[product.product] = result.codes.at(product.product);
  const CalibrateOptions& calibrate = request.calibrate;
  BiasCorrectionOptions options;
  options.threads = calibrate.threads;
  options.limits = calibrate.limits;
  options.on_failure = calibrate.on_failure;
  options.stop = calibrate.stop;
  if (!correct_biases(plan, codes, *images, options)) return false;
  for (auto& [name, input] : codes) result.codes[name] = std::move(input);
  return true;
}

}  // namespace

std::optional<CalibratedCodes> codes_for(const std::filesystem::path& model,
                                         const BuildOptions& build, const CodesRequest& request,
                                         std::vector<std::string>& notes) {
  const CalibrateOptions& options = request.calibrate;
  check(!options.methods.empty(), ErrorCode::InvalidArgument, "no calibration method");
  Source source = read_source(request.calibration);
  const std::optional<CalibrationImages> images = bias_images(request, source);
  const auto plan = unfused_plan(model, build);
  const FoundProducts found = find_products(plan->graph);
  CalibratedCodes result{{}, record_of(plan->graph, found, request.dtype)};
  QuantizationRecord trial = result.record;  // a wrong name should not cost the calibration
  apply_layer_precisions(request.precisions, request.dtype, trial);
  if (images) Internals::plan(plan).classifier();  // throws when there is none
  if (source.pictures) {
    CalibrateOptions one = options;
    one.methods.resize(1);
    const auto made = calibrate(model, build, *std::move(source.pictures), one);
    if (!made) return std::nullopt;
    notes.insert(notes.end(), made->notes.begin(), made->notes.end());
    take_calibration(result, *made, one.methods[0], request.dtype);
  } else {
    const std::string_view text = as_text(source.ranges);
    if (is_tensorrt_cache(text))
      take_tensorrt(result, found, text, request.dtype, notes);
    else
      take_calibration(
          result, checked_calibration(*plan, text, request.calibration, options.evaluation, notes),
          options.methods[0], request.dtype);
    notes.insert(notes.end(), found.left_out.begin(), found.left_out.end());
  }
  apply_layer_precisions(request.precisions, request.dtype, result.record);
  if (!correct(result, *plan, images, request)) return std::nullopt;
  return result;
}

}  // namespace vitro
