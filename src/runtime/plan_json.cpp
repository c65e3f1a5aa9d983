#include "runtime/plan_json.h"

#include <nlohmann/json.hpp>

#include "core/check.h"

namespace vitro {

NLOHMANN_JSON_SERIALIZE_ENUM(Interpolation, {{Interpolation::Bilinear, "bilinear"},
                                             {Interpolation::Bicubic, "bicubic"},
                                             {Interpolation::Lanczos, "lanczos"}})
NLOHMANN_JSON_SERIALIZE_ENUM(CropMode, {{CropMode::Center, "center"},
                                        {CropMode::Squash, "squash"},
                                        {CropMode::Border, "border"}})

namespace {

using Json = nlohmann::ordered_json;

constexpr DType kDTypes[] = {DType::Float32, DType::Float16, DType::BFloat16, DType::Float64,
                             DType::Int64,   DType::Int32,   DType::Int16,    DType::Int8,
                             DType::UInt8,   DType::Bool};

DType dtype_from_name(const std::string& name) {
  for (DType dtype : kDTypes)
    if (name == dtype_name(dtype)) return dtype;
  fail(ErrorCode::CorruptFile, "plan weights: unknown dtype '{}'", name);
}

/// Calls visit(name, field) for each field of PlanInfo: the writer and the reader share this list.
template <typename Info, typename Visitor>
void visit_info(Info& info, Visitor&& visit) {
  visit("architecture", info.architecture);
  visit("head_dim", info.head_dim);
  visit("num_classes", info.num_classes);
  visit("num_parameters", info.num_parameters);
  visit("width", info.preprocessing.width);
  visit("height", info.preprocessing.height);
  visit("crop_pct", info.preprocessing.crop_pct);
  visit("crop_mode", info.preprocessing.crop_mode);
  visit("interpolation", info.preprocessing.interpolation);
  visit("mean", info.preprocessing.mean);
  visit("std", info.preprocessing.std);
  visit("label_ids", info.label_ids);
  visit("labels", info.labels);
  visit("source", info.source);
  visit("source_checksum", info.source_checksum);
  visit("vitro_version", info.vitro_version);
  visit("notes", info.notes);
}

template <typename Read>
auto read_json(const char* what, std::string_view text, Read&& read) try {
  return read(Json::parse(text));
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "plan {}: {}", what, error.what());
}

}  // namespace

std::string plan_info_to_json(const PlanInfo& info) {
  Json json;
  visit_info(info, [&](const char* name, const auto& field) { json[name] = field; });
  return json.dump();
}

PlanInfo plan_info_from_json(std::string_view text) {
  return read_json("info", text, [](const Json& json) {
    PlanInfo info;
    visit_info(info, [&](const char* name, auto& field) { json.at(name).get_to(field); });
    const Preprocessing& p = info.preprocessing;
    check(p.width > 0 && p.height > 0 && p.width <= 65536 && p.height <= 65536 && p.crop_pct > 0 &&
              p.crop_pct <= 1,
          ErrorCode::CorruptFile, "plan info: input size {}x{} or crop_pct {}", p.height, p.width,
          p.crop_pct);
    check(info.labels.size() == info.label_ids.size() &&
              (info.labels.empty() || static_cast<int64_t>(info.labels.size()) == info.num_classes),
          ErrorCode::CorruptFile, "plan info: {} labels for {} classes", info.labels.size(),
          info.num_classes);
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
    for (const Json& row : json)
      weights.push_back({row.at(0).get<std::string>(), row.at(1).get<Dims>(),
                         dtype_from_name(row.at(2).get<std::string>()),
                         row.at(3).get<std::string>(), row.at(4).get<std::string>()});
    return weights;
  });
}

}  // namespace vitro
