#include "capi/plan.h"

#include <fmt/ranges.h>

#include "capi/status.h"
#include "capi/tensor.h"
#include "image/names.h"
#include "models/models.h"
#include "vitro/quantize.h"

using namespace vitro::capi;

namespace {

/// A choice by its name; none for NULL.
template <typename Enum, size_t kCount>
std::optional<Enum> choice(const char* name, const char* field,
                           const vitro::Names<Enum, kCount>& names) {
  if (name == nullptr) return std::nullopt;
  const std::optional<Enum> value = vitro::value_in(names, name);
  vitro::check(value.has_value(), vitro::ErrorCode::InvalidArgument, "{} is '{:.80}', expected {}",
               field, name, fmt::join(vitro::names_of(names), ", "));
  return value;
}

std::optional<std::array<float, 3>> triple(const float* values) {
  if (values == nullptr) return std::nullopt;
  return std::array{values[0], values[1], values[2]};
}

vitro::BuildOptions build_options(const vitro_build_options* given) {
  const vitro_build_options options = read_options(given, "vitro_build_options");
  vitro::BuildOptions result;
  if (options.arch != nullptr) result.arch = options.arch;
  if (options.arch_params != nullptr)
    result.arch_params = vitro::parse_arch_params(options.arch_params);
  result.height = options.height;
  result.width = options.width;
  if (options.dump_ir != nullptr) result.dump_ir = options.dump_ir;
  result.weights = dtype_from_c(options.weights);
  if (options.weights_key != nullptr) result.weights_key = options.weights_key;
  vitro::PreprocessingChoices& preprocessing = result.preprocessing;
  if (options.crop_pct != 0) preprocessing.crop_pct = options.crop_pct;
  preprocessing.crop_mode = choice(options.crop_mode, "crop_mode", vitro::kCropModes);
  preprocessing.interpolation =
      choice(options.interpolation, "interpolation", vitro::kInterpolations);
  preprocessing.mean = triple(options.mean);
  preprocessing.std = triple(options.std);
  if (options.labels != nullptr) result.labels = options.labels;
  result.pixels = options.pixels != 0;
  return result;
}

/// Nothing where products are to stay as they are.
std::optional<vitro::QuantizeOptions> quantize_options(const vitro_build_options* given) {
  const vitro_build_options options = read_options(given, "vitro_build_options");
  const auto text = [](const char* field) { return field == nullptr ? "" : field; };
  if (options.quantize == VITRO_FLOAT32) {
    vitro::check(options.calibration == nullptr && options.bias_images == nullptr,
                 vitro::ErrorCode::InvalidArgument,
                 "calibration is '{:.200}', but quantize is not VITRO_INT8 or VITRO_FLOAT8_E4M3",
                 text(options.calibration));
    return std::nullopt;
  }
  vitro::QuantizeOptions result;
  result.dtype = dtype_from_c(options.quantize);
  result.calibration = text(options.calibration);
  if (options.calibration_method != nullptr) result.method = options.calibration_method;
  result.layer_precisions = text(options.layer_precisions);
  if (options.bias_correction != nullptr)
    result.bias_correction = vitro::bias_correction(options.bias_correction);
  result.bias_images = text(options.bias_images);
  return result;
}

vitro::Plan build_plan(const char* checkpoint, const vitro_build_options* options) {
  const std::string path = required_text(checkpoint, "checkpoint");
  if (const auto quantize = quantize_options(options))
    return vitro::build(path, build_options(options), *quantize);
  return vitro::build(path, build_options(options));
}

const vitro::Classifier& classifier(const vitro_plan* plan) {
  return required(plan, "plan").plan.classifier();
}

/// Lists of labels are empty or have one for each class.
const char* label_of(const vitro_plan* plan, int64_t index,
                     const std::vector<std::string>& labels) {
  const int64_t classes = classifier(plan).num_classes;
  vitro::check(index >= 0 && index < classes, vitro::ErrorCode::NotFound,
               "class {}, the model has {}", index, classes);
  return labels.empty() ? "" : labels[static_cast<size_t>(index)].c_str();
}

vitro_tensor* preprocessed(const vitro_plan* plan, const vitro::Image& image) {
  return new vitro_tensor{vitro::picture_input(required(plan, "plan").plan, image)};
}

}  // namespace

extern "C" {

vitro_code vitro_plan_load(const char* path, vitro_plan** plan) {
  return guarded_result(plan, "plan",
                        [&] { return new vitro_plan{vitro::load(required_text(path, "path"))}; });
}

vitro_code vitro_plan_build(const char* checkpoint, const vitro_build_options* options,
                            vitro_plan** plan) {
  return guarded_result(plan, "plan",
                        [&] { return new vitro_plan{build_plan(checkpoint, options)}; });
}

vitro_code vitro_plan_load_or_build(const char* model, const vitro_build_options* options,
                                    vitro_plan** plan) {
  return guarded_result(plan, "plan", [&] {
    vitro::check(!quantize_options(options).has_value(), vitro::ErrorCode::InvalidArgument,
                 "quantize is for vitro_plan_build(): a plan is in 8 bits or it is not");
    return new vitro_plan{
        vitro::load_or_build(required_text(model, "model"), build_options(options))};
  });
}

vitro_code vitro_plan_save(const vitro_plan* plan, const char* path) {
  return guarded([&] { vitro::save(required(plan, "plan").plan, required_text(path, "path")); });
}

void vitro_plan_free(vitro_plan* plan) { delete plan; }

vitro_code vitro_plan_num_classes(const vitro_plan* plan, int64_t* count) {
  return guarded_result(count, "count", [&] { return classifier(plan).num_classes; });
}

vitro_code vitro_plan_label(const vitro_plan* plan, int64_t class_index, const char** label) {
  return guarded_result(label, "label",
                        [&] { return label_of(plan, class_index, classifier(plan).labels); });
}

vitro_code vitro_plan_label_id(const vitro_plan* plan, int64_t class_index, const char** id) {
  return guarded_result(id, "id",
                        [&] { return label_of(plan, class_index, classifier(plan).label_ids); });
}

vitro_code vitro_plan_preprocess_file(const vitro_plan* plan, const char* path,
                                      vitro_tensor** image) {
  return guarded_result(image, "image", [&] {
    return preprocessed(plan, vitro::load_image(required_text(path, "path")));
  });
}

vitro_code vitro_plan_preprocess_bytes(const vitro_plan* plan, const void* bytes, size_t num_bytes,
                                       const char* name, vitro_tensor** image) {
  return guarded_result(image, "image", [&] {
    const auto* first = &required(static_cast<const std::byte*>(bytes), "bytes");
    return preprocessed(plan, vitro::decode_image({first, num_bytes}, required_text(name, "name")));
  });
}

}  // extern "C"
