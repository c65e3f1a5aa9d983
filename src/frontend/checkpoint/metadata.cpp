#include "frontend/checkpoint/metadata.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/check.h"
#include "core/file_io.h"
#include "core/json.h"
#include "image/names.h"

namespace vitro {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextLength = 4096;
constexpr int64_t kMaxSide = 1 << 14;  // pixels, as in preprocessing
constexpr double kMinCropPct = 0.01;
constexpr const char* kNested = "pretrained_cfg";

constexpr std::array kTransformKeys{"input_size",    "crop_pct", "crop_mode",
                                    "interpolation", "mean",     "std"};
constexpr std::array kModelKeys{"architecture", "num_classes", "label_names", "label_descriptions",
                                kNested};

/// A value and the path of keys that leads to it.
struct Field {
  const json* value = nullptr;
  std::string key;

  explicit operator bool() const { return value != nullptr; }
};

class ConfigReader {
 public:
  ConfigReader(const json& root, const std::string& name) : root_(root), name_(name) {
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
    if (const Field field = find("architecture", false)) metadata.architecture = text(field);
    if (const Field field = find("num_classes", false))
      metadata.num_classes = integer(field, 1, kMaxClasses);
    read_labels(metadata);
    const bool has_transform = std::any_of(kTransformKeys.begin(), kTransformKeys.end(),
                                           [&](const char* key) { return bool(find(key, true)); });
    if (has_transform) metadata.preprocessing = preprocessing();
    return metadata;
  }

 private:
  /// Where a key stands in both places, the model's own keys count on the top level and those of
  /// the transform in pretrained_cfg, as in timm.
  Field find(const char* key, bool nested_first) const {
    const Field outer = find_in(&root_, key, key);
    const Field inner = find_in(nested_, key, fmt::format("{}.{}", kNested, key));
    if (nested_first) return inner ? inner : outer;
    return outer ? outer : inner;
  }

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
  Enum choice(const Field& field, const Names<Enum, kCount>& choices) const {
    const std::string value = text(field);
    std::vector<std::string_view> known;
    for (const auto& [word, result] : choices) {
      if (value == word) return result;
      known.push_back(word);
    }
    fail(ErrorCode::Unsupported, "'{}': {} '{:.80}' is not supported, expected {}", name_,
         field.key, value, fmt::join(known, ", "));
  }

  Preprocessing preprocessing() const {
    Preprocessing result = default_preprocessing();
    if (const Field field = find("input_size", true)) {
      const auto [channels, height, width] = triple(field);
      const int64_t count = integer(channels, 1, kMaxSide);
      check(count == 3, ErrorCode::Unsupported, "'{}': {}: got {} channels, supported are 3", name_,
            field.key, count);
      result.height = static_cast<int>(integer(height, 1, kMaxSide));
      result.width = static_cast<int>(integer(width, 1, kMaxSide));
    }
    if (const Field field = find("crop_pct", true))
      result.crop_pct = number(field, kMinCropPct, 1.0);
    if (const Field field = find("crop_mode", true)) result.crop_mode = choice(field, kCropModes);
    if (const Field field = find("interpolation", true))
      result.interpolation = choice(field, kInterpolations);
    // Of values in [0, 1]: numbers of another scale (123.675) would turn every picture black.
    if (const Field field = find("mean", true)) result.mean = per_channel(field, 0.0, 1.0);
    if (const Field field = find("std", true)) result.std = per_channel(field, 1e-3, 1.0);
    return result;
  }

  void read_labels(ModelMetadata& metadata) const {
    const Field names = find("label_names", false);
    if (!names) return;
    expect(names.value->is_array(), names, "an array of strings");
    check(names.value->size() <= static_cast<size_t>(kMaxClasses), ErrorCode::InvalidArgument,
          "'{}': {}: got {} labels, expected at most {}", name_, names.key, names.value->size(),
          kMaxClasses);
    const Field descriptions = find("label_descriptions", false);
    if (descriptions) expect(descriptions.value->is_object(), descriptions, "an object");
    for (const json& element : *names.value) {
      const std::string id = text({&element, names.key});
      const Field description = descriptions ? find_in(descriptions.value, id.c_str(),
                                                       fmt::format("{}.{}", descriptions.key, id))
                                             : Field{};
      metadata.labels.push_back(description ? text(description) : id);
      metadata.label_ids.push_back(id);
    }
  }

  const json& root_;
  const std::string& name_;
  const json* nested_ = nullptr;
};

json parse_json(std::string_view text, const std::string& name) {
  check(text.size() <= kMaxJsonBytes, ErrorCode::OutOfMemory,
        "'{}' has {} bytes of JSON, at most {} are read", name, text.size(), kMaxJsonBytes);
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& e) {
    fail(ErrorCode::CorruptFile, "'{}' is not valid JSON: {:.200}", name, e.what());
  }
}

bool has_known_key(const json& root) {
  const auto is_there = [&](const char* key) { return root.contains(key); };
  return root.is_object() && (std::any_of(kModelKeys.begin(), kModelKeys.end(), is_there) ||
                              std::any_of(kTransformKeys.begin(), kTransformKeys.end(), is_there));
}

/// The strings of a safetensors header as one JSON object.
json embedded_config(const std::map<std::string, std::string>& embedded, const std::string& name) {
  const auto config = embedded.find("config");
  if (config != embedded.end()) return parse_json(config->second, name + ": config");
  json root = json::object();
  const auto add = [&](const char* key) {
    const auto found = embedded.find(key);
    if (found == embedded.end()) return;
    const std::string_view word = key;
    const bool is_text = word == "architecture" || word == "interpolation" || word == "crop_mode";
    root[key] =
        is_text ? json(found->second) : parse_json(found->second, fmt::format("{}: {}", name, key));
  };
  for (const char* key : kModelKeys) add(key);
  for (const char* key : kTransformKeys) add(key);
  return root;
}

}  // namespace

Preprocessing default_preprocessing() {
  Preprocessing preprocessing;
  preprocessing.crop_pct = 0.875;
  return preprocessing;
}

ModelMetadata parse_model_config(std::string_view text, const std::string& name) {
  const json root = parse_json(text, name);
  return ConfigReader(root, name).read();
}

ModelMetadata read_model_metadata(const std::filesystem::path& checkpoint,
                                  const std::map<std::string, std::string>& embedded) {
  const std::filesystem::path folder = checkpoint.parent_path();
  for (const std::string& file :
       {checkpoint.stem().string() + ".config.json", std::string("config.json")}) {
    const std::filesystem::path path = folder / file;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) continue;
    const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
    const std::string name = path.string();
    const json root = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name);
    // A config.json may belong to something else that lives in the same folder.
    if (has_known_key(root)) return ConfigReader(root, name).read();
  }
  const std::string name = checkpoint.string() + ": __metadata__";
  const json root = embedded_config(embedded, name);
  if (!has_known_key(root)) return {};
  return ConfigReader(root, name).read();
}

}  // namespace vitro
