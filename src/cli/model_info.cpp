#include "cli/model_info.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "image/names.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

/// The double with the digits of the float: 0.485, not 0.48500001430511475.
std::array<double, 3> decimals(const std::array<float, 3>& values) {
  std::array<double, 3> result{};
  for (size_t i = 0; i < values.size(); ++i)
    result[i] = std::strtod(fmt::format("{}", values[i]).c_str(), nullptr);
  return result;
}

/// What the tactics hold for, and of how many ops.
std::string tactics_summary(const Tactics& tactics) {
  std::string text;
  for (const auto& [setting, table] : tactics)
    text += fmt::format("{}{} ops on {}, {}", text.empty() ? "" : "\n", table.size(),
                        setting.machine, threads_text(setting.threads));
  return text;
}

Json tactics_json(const Tactics& tactics) {
  Json json = Json::array();
  for (const auto& [setting, table] : tactics)
    json.push_back(
        {{"machine", setting.machine}, {"threads", setting.threads}, {"ops", table.size()}});
  return json;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> plan_fields(const Plan& plan) {
  const PlanInfo& info = plan.info();
  const Preprocessing& pre = info.preprocessing;
  const size_t tensors = plan.weights().size();
  std::vector<std::pair<std::string, std::string>> fields{
      {"architecture", info.architecture},
      {"head_dim", std::to_string(info.head_dim)},
      {"classes", fmt::format("{} ({} labels)", info.num_classes, info.labels.size())},
      {"parameters", fmt::format("{}", fmt::group_digits(info.num_parameters))},
      {"precision", precision_name(plan)},
      {"tensors", fmt::format("{}/{} consumed", tensors, tensors)},
      {"input", fmt::format("{}x{} pixels by default", pre.height, pre.width)},
      {"preprocessing",
       fmt::format("{}, crop {} {:g}\nmean {:g}, std {:g}",
                   name_in(kInterpolations, pre.interpolation), name_in(kCropModes, pre.crop_mode),
                   pre.crop_pct, fmt::join(pre.mean, " "), fmt::join(pre.std, " "))},
      {"source", fmt::format("{} (xxh3 {})", info.source, info.source_checksum)},
      {"built by", "vitro " + info.vitro_version}};
  if (!plan.data().tactics.empty())
    fields.emplace_back("tactics", tactics_summary(plan.data().tactics));
  return fields;
}

Json plan_json(const Plan& plan) {
  const PlanInfo& info = plan.info();
  const Preprocessing& pre = info.preprocessing;
  return {{"architecture", info.architecture},
          {"head_dim", info.head_dim},
          {"classes", info.num_classes},
          {"labels", info.labels.size()},
          {"parameters", info.num_parameters},
          {"precision", precision_name(plan)},
          {"tensors", plan.weights().size()},
          {"preprocessing",
           {{"height", pre.height},
            {"width", pre.width},
            {"interpolation", name_in(kInterpolations, pre.interpolation)},
            {"crop_pct", pre.crop_pct},
            {"crop_mode", name_in(kCropModes, pre.crop_mode)},
            {"mean", decimals(pre.mean)},
            {"std", decimals(pre.std)}}},
          {"source", info.source},
          {"source_checksum", info.source_checksum},
          {"vitro_version", info.vitro_version},
          {"tactics", tactics_json(plan.data().tactics)},
          {"notes", info.notes}};
}

const char* precision_name(const Plan& plan) {
  return weights_dtype(plan.data().graph) == DType::BFloat16 ? "bf16w" : "fp32";
}

int64_t weight_bytes(const Plan& plan) {
  int64_t bytes = 0;
  for (const Value& value : plan.data().graph.values) {
    if (value.constant) bytes += static_cast<int64_t>(value.constant->bytes.size());
  }
  return bytes;
}

}  // namespace vitro::cli
