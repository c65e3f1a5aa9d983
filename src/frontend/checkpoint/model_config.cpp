#include "frontend/checkpoint/model_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/check.h"
#include "core/json.h"
#include "image/names.h"

namespace vitro {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextLength = 4096;
constexpr int64_t kMaxSide = 1 << 14;  // pixels, as in preprocessing
constexpr const char* kNested = "pretrained_cfg";

/// Of pretrained_cfg, with those that are read elsewhere: they do not change what the model
/// answers. pool_size is for timm's --test-pool alone.
constexpr std::string_view kOtherKeys =
    " architecture classifier custom_load description file first_conv fixed_input_size global_pool "
    "hf_hub_filename hf_hub_id in_chans label_descriptions label_names label_offset license "
    "min_input_size model_args notes num_classes origin_url paper_ids paper_name pool_size source "
    "state_dict tag task test_pool_size url ";

/// A value and the path of keys that leads to it.
struct Field {
  const json* value = nullptr;
  std::string key;

  explicit operator bool() const { return value != nullptr; }
};

class ConfigReader {
 public:
  ConfigReader(const json& root, const ConfigNames& names, const std::set<std::string>& decided)
      : root_(root), name_(names.file), origin_(names.origin), decided_(decided) {
    check(root.is_object(), ErrorCode::CorruptFile, "'{}': got JSON of type {}, expected an object",
          name_, root.type_name());
    const auto nested = root.find(kNested);
    if (nested == root.end() || nested->is_null()) return;
    expect(nested->is_object(), {&*nested, kNested}, "an object");
    nested_ = &*nested;
  }

  ModelMetadata read() const {
    ModelMetadata metadata;
    metadata.source_path = name_;
    if (const Field field = find("architecture")) metadata.architecture = text(field);
    if (const Field field = find("num_classes"))
      metadata.num_classes = integer(field, 0, kMaxClasses);
    read_labels(metadata);
    read_preprocessing(metadata);
    read_size_limits(metadata);
    note_the_rest(metadata);
    return metadata;
  }

 private:
  /// A key of the model, which counts on the top level first, as in timm.
  Field find(const char* key) const {
    const Field outer = find_in(&root_, key, key);
    return outer ? outer : find_in(nested_, key, nested_key(key));
  }

  /// The first of the keys in pretrained_cfg, else on the top level, unless the part is decided.
  Field find_part(const char* part, std::initializer_list<const char*> keys) const {
    if (decided_.contains(part)) return {};
    for (const json* object : {nested_, &root_})
      for (const char* key : keys)
        if (Field field = find_in(object, key, object == nested_ ? nested_key(key) : key))
          return field;
    return {};
  }

  static std::string nested_key(const char* key) { return fmt::format("{}.{}", kNested, key); }

  static Field find_in(const json* object, const char* key, std::string path) {
    if (object == nullptr) return {};
    const auto found = object->find(key);
    if (found == object->end() || found->is_null()) return {};
    return {&*found, std::move(path)};
  }

  void expect(bool condition, const Field& field, const char* expected) const {
    check(condition, ErrorCode::CorruptFile, "'{}': {}: got a JSON {}, expected {}", name_,
          field.key, field.value->type_name(), expected);
  }

  std::string text(const Field& field) const {
    expect(field.value->is_string(), field, "a string");
    const auto& value = field.value->get_ref<const std::string&>();
    check(value.size() <= kMaxTextLength, ErrorCode::InvalidArgument,
          "'{}': {}: got a text of {} bytes, expected at most {}", name_, field.key, value.size(),
          kMaxTextLength);
    return value;
  }

  int64_t integer(const Field& field, int64_t min, int64_t max) const {
    expect(field.value->is_number_integer(), field, "an integer");
    // An unsigned number above the signed range would wrap into it.
    const bool wraps = field.value->is_number_unsigned() &&
                       field.value->get<uint64_t>() > static_cast<uint64_t>(max);
    const int64_t value = wraps ? 0 : field.value->get<int64_t>();
    check(!wraps && value >= min && value <= max, ErrorCode::InvalidArgument,
          "'{}': {}: got {}, expected {} to {}", name_, field.key, field.value->dump(), min, max);
    return value;
  }

  double number(const Field& field, double min, double max) const {
    expect(field.value->is_number(), field, "a number");
    const double value = field.value->get<double>();
    check(value >= min && value <= max, ErrorCode::InvalidArgument,
          "'{}': {}: got {}, expected {} to {}", name_, field.key, value, min, max);
    return value;
  }

  /// The three elements of an array.
  std::array<Field, 3> triple(const Field& field) const {
    expect(field.value->is_array(), field, "an array of 3 numbers");
    check(field.value->size() == 3, ErrorCode::InvalidArgument,
          "'{}': {}: got {} numbers, expected 3", name_, field.key, field.value->size());
    const auto element = [&](size_t i) {
      return Field{&(*field.value)[i], fmt::format("{}[{}]", field.key, i)};
    };
    return {element(0), element(1), element(2)};
  }

  std::array<float, 3> per_channel(const Field& field, double min, double max) const {
    std::array<float, 3> values{};
    const auto elements = triple(field);
    for (size_t i = 0; i < 3; ++i) values[i] = static_cast<float>(number(elements[i], min, max));
    return values;
  }

  template <typename Enum, size_t kCount>
  Enum choice(const Field& field, const Names<Enum, kCount>& choices, const char* option) const {
    const std::string value = text(field);
    if (const auto found = value_in(choices, value)) return *found;
    fail_hint(ErrorCode::Unsupported, fmt::format("--{} takes its place", option),
              "'{}': {} '{:.80}' is not supported, expected {}", name_, field.key, value,
              fmt::join(names_of(choices), ", "));
  }

  std::array<int, 2> size(const Field& field) const {
    const auto [channels, height, width] = triple(field);
    const int64_t count = integer(channels, 1, kMaxSide);
    check(count == 3, ErrorCode::Unsupported, "'{}': {}: got {} channels, supported are 3", name_,
          field.key, count);
    return {static_cast<int>(integer(height, 1, kMaxSide)),
            static_cast<int>(integer(width, 1, kMaxSide))};
  }

  /// timm's resolve_data_config(use_test_size=True).
  void read_preprocessing(ModelMetadata& metadata) const {
    Preprocessing& result = metadata.preprocessing;
    const auto take = [&](const char* part, std::initializer_list<const char*> keys, auto&& read) {
      const Field field = find_part(part, keys);
      if (!field) return;
      read(field);
      metadata.origins[part] = fmt::format("{}: {}", origin_, field.key);
    };
    take("size", {"test_input_size", "input_size"}, [&](const Field& field) {
      const auto [height, width] = size(field);
      result.height = height;
      result.width = width;
    });
    take("crop_pct", {"test_crop_pct", "crop_pct"},
         [&](const Field& field) { result.crop_pct = number(field, kMinCropPct, kMaxCropPct); });
    take("crop_mode", {"crop_mode"},
         [&](const Field& field) { result.crop_mode = choice(field, kCropModes, "crop-mode"); });
    take("interpolation", {"interpolation"}, [&](const Field& field) {
      result.interpolation = choice(field, kInterpolations, "interpolation");
    });
    // Of values in [0, 1]: numbers of another scale (123.675) would turn every picture black.
    take("mean", {"mean"},
         [&](const Field& field) { result.mean = per_channel(field, kMinMean, kMaxMean); });
    take("std", {"std"},
         [&](const Field& field) { result.std = per_channel(field, kMinStd, kMaxStd); });
  }

  void read_size_limits(ModelMetadata& metadata) const {
    if (const Field field = find_part("", {"min_input_size"})) metadata.min_size = size(field);
    const Field fixed = find_part("", {"fixed_input_size"});
    if (!fixed) return;
    expect(fixed.value->is_boolean(), fixed, "true or false");
    const Field field = find_part("", {"input_size"});
    if (fixed.value->get<bool>() && field) metadata.fixed_size = size(field);
  }

  /// Notes about what may change the answer and is not done.
  void note_the_rest(ModelMetadata& metadata) const {
    const auto note = [&](const Field& field, std::string_view instead) {
      metadata.notes.push_back(
          fmt::format("{}: {} is {:.80}, {}", name_, field.key,
                      field.value->dump(-1, ' ', false, json::error_handler_t::replace), instead));
    };
    if (const Field field = find("global_pool"); field && *field.value != "avg")
      note(field, "which is not understood: the model averages all positions, as with \"avg\"");
    if (const Field field = find("num_classes"); field && *field.value == 0)
      note(field, "a model without a head: the classes are those of head.weight");
    if (const Field field = find("label_offset"); field && *field.value != 0)
      note(field, "which is not understood: all rows of the head are classes");
    if (const Field field = find("in_chans"); field && *field.value != 3)
      note(field, "which is not understood: the model takes 3 channels");
    if (const Field field = find("model_args"); field && !field.value->empty())
      note(field, "which is not understood: the architecture is as its name or the tensors say");
    if (nested_ == nullptr) return;
    for (const auto& [key, value] : nested_->items()) {
      const bool is_known =
          kOtherKeys.find(fmt::format(" {} ", key)) != std::string_view::npos ||
          std::find(kTransformKeys.begin(), kTransformKeys.end(), key) != kTransformKeys.end();
      if (!is_known && !value.is_null())
        note({&value, nested_key(key.c_str())}, "which is not understood");
    }
  }

  void read_labels(ModelMetadata& metadata) const {
    const Field names = find("label_names");
    if (!names) return;
    expect(names.value->is_array(), names, "an array of strings");
    check(names.value->size() <= static_cast<size_t>(kMaxClasses), ErrorCode::InvalidArgument,
          "'{}': {}: got {} labels, expected at most {}", name_, names.key, names.value->size(),
          kMaxClasses);
    const Field descriptions = find("label_descriptions");
    if (descriptions) expect(descriptions.value->is_object(), descriptions, "an object");
    for (const json& element : *names.value) {
      const std::string id = text({&element, names.key});
      const Field description = descriptions ? find_in(descriptions.value, id.c_str(),
                                                       fmt::format("{}.{}", descriptions.key, id))
                                             : Field{};
      metadata.labels.push_back(description ? text(description) : id);
      metadata.label_ids.push_back(id);
    }
    metadata.origins["labels"] = fmt::format("{}: {}", origin_, names.key);
  }

  const json& root_;
  const std::string& name_;
  const std::string& origin_;
  const std::set<std::string>& decided_;
  const json* nested_ = nullptr;
};

}  // namespace

Preprocessing default_preprocessing() {
  Preprocessing preprocessing;
  preprocessing.crop_pct = 0.875;
  return preprocessing;
}

json parse_json(std::string_view text, const std::string& name) {
  check(text.size() <= kMaxJsonBytes, ErrorCode::OutOfMemory,
        "'{}' has {} bytes of JSON, at most {} are read", name, text.size(), kMaxJsonBytes);
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& e) {
    fail(ErrorCode::CorruptFile, "'{}': {}", name, json_problem(e.what()));
  }
}

bool has_known_key(const json& root) {
  const auto is_there = [&](const char* key) { return root.contains(key); };
  return root.is_object() && (std::any_of(kModelKeys.begin(), kModelKeys.end(), is_there) ||
                              std::any_of(kTransformKeys.begin(), kTransformKeys.end(), is_there));
}

ModelMetadata read_model_config(const json& root, const ConfigNames& names,
                                const std::set<std::string>& decided) {
  return ConfigReader(root, names, decided).read();
}

ModelMetadata parse_model_config(std::string_view text, const ConfigNames& names,
                                 const std::set<std::string>& decided) {
  return read_model_config(parse_json(text, names.file), names, decided);
}

}  // namespace vitro
