#include "runtime/plan_json.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/dtype.h"
#include "core/expect.h"
#include "core/json.h"
#include "image/names.h"

namespace vitro {

namespace {

using Json = nlohmann::ordered_json;

constexpr Expect expect{"plan"};

template <std::integral T>
void read_field(const char* name, const Json& json, T& field) {
  const auto value = json_integer<T>(json);
  expect(value.has_value(), "'{}' is {}, expected an integer of {} bits", name, json.dump(),
         8 * sizeof(T));
  field = *value;
}

/// Mean and std of pixels.
void read_field(const char* name, const Json& json, std::array<float, 3>& field) {
  constexpr double kMost = 1e6;
  expect(json.size() == field.size(), "'{}' has {} numbers, expected {}", name, json.size(),
         field.size());
  const auto values = json.get<std::array<double, 3>>();
  for (size_t i = 0; i < field.size(); ++i) {
    expect(std::abs(values[i]) <= kMost, "'{}' has {}, expected at most {}", name, values[i],
           kMost);
    field[i] = static_cast<float>(values[i]);
  }
}

void read_field(const char*, const Json& json, ArchParams& field) {
  for (const auto& [name, value] : json.get_ref<const Json::object_t&>())
    read_field(name.c_str(), value, field[name]);
}

template <typename T>
void read_field(const char*, const Json& json, T& field) {
  json.get_to(field);
}

template <typename Enum, size_t kCount>
void read_name(const char* name, const Json& json, Enum& field, const Names<Enum, kCount>& names) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& known) { return json == known.first; });
  expect(found != names.end(), "'{}' is {}, which is unknown", name, json.dump());
  field = found->second;
}
void read_field(const char* name, const Json& json, CropMode& field) {
  read_name(name, json, field, kCropModes);
}
void read_field(const char* name, const Json& json, Interpolation& field) {
  read_name(name, json, field, kInterpolations);
}

template <typename T>
const T& json_value(const T& field) {
  return field;
}
const char* json_value(CropMode field) { return name_in(kCropModes, field); }
const char* json_value(Interpolation field) { return name_in(kInterpolations, field); }

/// Calls visit(name, field) for each field: the writer and the reader share these lists.
template <typename Self, typename Visitor>
requires std::same_as<std::remove_const_t<Self>, Classifier>
void visit_fields(Self& classifier, Visitor&& visit) {
  visit("num_classes", classifier.num_classes);
  visit("width", classifier.preprocessing.width);
  visit("height", classifier.preprocessing.height);
  visit("crop_pct", classifier.preprocessing.crop_pct);
  visit("crop_mode", classifier.preprocessing.crop_mode);
  visit("interpolation", classifier.preprocessing.interpolation);
  visit("mean", classifier.preprocessing.mean);
  visit("std", classifier.preprocessing.std);
  visit("label_ids", classifier.label_ids);
  visit("labels", classifier.labels);
}
/// All but the classifier, which may be absent.
template <typename Self, typename Visitor>
requires std::same_as<std::remove_const_t<Self>, PlanInfo>
void visit_fields(Self& info, Visitor&& visit) {
  visit("architecture", info.architecture);
  visit("arch_params", info.arch_params);
  visit("num_parameters", info.num_parameters);
  visit("source", info.source);
  visit("source_checksum", info.source_checksum);
  visit("vitro_version", info.vitro_version);
  visit("notes", info.notes);
}

template <typename T>
Json fields_to_json(const T& from) {
  Json json;
  visit_fields(from, [&](const char* name, const auto& field) { json[name] = json_value(field); });
  return json;
}
template <typename T>
T fields_from_json(const Json& json) {
  T result;
  visit_fields(result,
               [&](const char* name, auto& field) { read_field(name, json.at(name), field); });
  return result;
}

Classifier classifier_from_json(const Json& json) {
  auto classifier = fields_from_json<Classifier>(json);
  if (json.contains("origins")) json["origins"].get_to(classifier.origins);
  const Preprocessing& p = classifier.preprocessing;
  expect(p.width > 0 && p.height > 0 && p.width <= 65536 && p.height <= 65536 && p.crop_pct > 0 &&
             p.crop_pct <= 1,
         "input size {}x{} or crop_pct {}", p.height, p.width, p.crop_pct);
  expect(std::all_of(p.std.begin(), p.std.end(), [](float deviation) { return deviation > 0; }),
         "std is {}, expected positive numbers", fmt::join(p.std, " "));
  const size_t labels = classifier.labels.size();
  expect(labels == classifier.label_ids.size() &&
             (labels == 0 || static_cast<int64_t>(labels) == classifier.num_classes),
         "{} labels and {} ids for {} classes", labels, classifier.label_ids.size(),
         classifier.num_classes);
  return classifier;
}

template <typename Read>
auto read_json(const char* what, std::string_view text, Read&& read) try {
  expect(text.size() <= kMaxJsonBytes, "{} has {} bytes, at most {} are read", what, text.size(),
         kMaxJsonBytes);
  return read(Json::parse(text));
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "plan {}: {}", what, json_problem(error.what()));
}

WeightRecord weight_from_json(const Json& row) {
  WeightRecord weight;
  weight.name = row.at(0).get<std::string>();
  for (const Json& extent : row.at(1)) read_field("shape", extent, weight.dims.emplace_back());
  const auto dtype = dtype_from_name(row.at(2).get_ref<const std::string&>());
  expect(dtype.has_value(), "weight '{}' has the unknown dtype {}", weight.name, row.at(2).dump());
  weight.dtype = *dtype;
  weight.consumer = row.at(3).get<std::string>();
  weight.checksum = row.at(4).get<std::string>();
  return weight;
}

/// Names of files and paths in notes may be no UTF-8; their bad bytes become U+FFFD.
std::string dump_repaired(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string plan_info_to_json(const PlanInfo& info) {
  Json json = fields_to_json(info);
  if (info.classifier) {
    json["classifier"] = fields_to_json(*info.classifier);
    json["classifier"]["origins"] = info.classifier->origins;
  }
  for (const PassedOver& entry : info.passed_over)
    json["passed_over"].push_back({entry.name, entry.num_tensors});
  return dump_repaired(json);
}

std::string repaired_utf8(const std::string& text) {
  return Json::parse(dump_repaired(text)).get<std::string>();
}

PlanInfo plan_info_from_json(std::string_view text) {
  return read_json("info", text, [](const Json& json) {
    auto info = fields_from_json<PlanInfo>(json);
    if (json.contains("classifier")) info.classifier = classifier_from_json(json["classifier"]);
    if (json.contains("passed_over"))
      for (const Json& row : json["passed_over"]) {
        PassedOver& entry = info.passed_over.emplace_back();
        entry.name = row.at(0).get<std::string>();
        read_field("passed_over", row.at(1), entry.num_tensors);
      }
    return info;
  });
}

std::string weights_to_json(const std::vector<WeightRecord>& weights) {
  Json json = Json::array();
  for (const WeightRecord& w : weights)
    json.push_back({w.name, w.dims, dtype_name(w.dtype), w.consumer, w.checksum});
  return json.dump();
}

std::vector<WeightRecord> weights_from_json(std::string_view text) {
  return read_json("weights", text, [](const Json& json) {
    std::vector<WeightRecord> weights;
    for (const Json& row : json) weights.push_back(weight_from_json(row));
    return weights;
  });
}

}  // namespace vitro
