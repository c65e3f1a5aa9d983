#include "cli/model_info.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "frontend/checkpoint/settings.h"
#include "image/names.h"
#include "runtime/internals.h"
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

/// The inputs or outputs at the default shape: "images 1x3x224x224 F32".
std::string ports_text(const Graph& graph, const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) {
    const TensorType& type = graph.value(port.value).type;
    text += fmt::format("{}{} {} {}", text.empty() ? "" : "\n", port.name, to_string(type.dims),
                        dtype_name(type.dtype));
  }
  return text;
}

Json ports_json(const Graph& graph, const std::vector<Port>& ports) {
  Json json = Json::array();
  for (const Port& port : ports) {
    const TensorType& type = graph.value(port.value).type;
    json.push_back({{"name", port.name}, {"shape", type.dims}, {"dtype", dtype_name(type.dtype)}});
  }
  return json;
}

/// Where a part comes from; "" for an old plan.
std::string origin_of(const Classifier& classifier, const char* part) {
  const auto found = classifier.origins.find(part);
  return found == classifier.origins.end() ? "" : printable_line(found->second);
}

/// A part of the preprocessing in each line, and where it comes from.
std::string preprocessing_text(const Classifier& classifier) {
  const Preprocessing& pre = classifier.preprocessing;
  const std::pair<const char*, std::string> parts[]{
      {"size", fmt::format("{}x{} pixels", pre.height, pre.width)},
      {"crop_pct", fmt::format("crop {:g}", pre.crop_pct)},
      {"crop_mode", fmt::format("crop mode {}", name_in(kCropModes, pre.crop_mode))},
      {"interpolation", name_in(kInterpolations, pre.interpolation)},
      {"mean", fmt::format("mean {:g}", fmt::join(pre.mean, " "))},
      {"std", fmt::format("std {:g}", fmt::join(pre.std, " "))}};
  std::string text;
  for (const auto& [part, value] : parts) {
    const std::string origin = origin_of(classifier, part);
    text += text.empty() ? "" : "\n";
    text += origin.empty() ? value : fmt::format("{:<24} {}", value, origin);
  }
  return text;
}

std::string classes_text(const Classifier& classifier) {
  const std::string origin = origin_of(classifier, "labels");
  return fmt::format("{} ({} labels{})", classifier.num_classes, classifier.labels.size(),
                     origin.empty() || origin == "none" ? "" : ", " + origin);
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

/// With what became of the products of a build in 8 bits.
std::string precision_text(const Plan& plan) {
  const auto& quantization = Internals::data(plan).quantization;
  return quantization
             ? fmt::format("{}: {}", weights_name(plan), printable_line(quantization->note()))
             : weights_name(plan);
}

}  // namespace

Json preprocessing_json(const Preprocessing& pre) {
  return {{"height", pre.height},
          {"width", pre.width},
          {"interpolation", name_in(kInterpolations, pre.interpolation)},
          {"crop_pct", pre.crop_pct},
          {"crop_mode", name_in(kCropModes, pre.crop_mode)},
          {"mean", decimals(pre.mean)},
          {"std", decimals(pre.std)}};
}

std::vector<std::pair<std::string, std::string>> plan_fields(const Plan& plan) {
  const PlanInfo& info = plan.info();
  const Graph& graph = Internals::data(plan).graph;
  const size_t tensors = plan.weights().size();
  std::vector<std::pair<std::string, std::string>> fields{{"architecture", info.architecture}};
  for (const auto& [name, value] : info.arch_params)
    fields.emplace_back(name, std::to_string(value));
  fields.insert(fields.end(),
                {{"parameters", fmt::format("{}", fmt::group_digits(info.num_parameters))},
                 {"precision", precision_text(plan)},
                 {"tensors", fmt::format("{}/{} consumed", tensors, tensors)},
                 {"inputs", ports_text(graph, graph.inputs)},
                 {"outputs", ports_text(graph, graph.outputs)}});
  if (const auto& classifier = info.classifier)
    fields.insert(fields.end(), {{"classes", classes_text(*classifier)},
                                 {"preprocessing", preprocessing_text(*classifier)}});
  else
    fields.emplace_back("classes", "none: not a classifier");
  fields.emplace_back("source", fmt::format("{} (xxh3 {})", info.source, info.source_checksum));
  fields.emplace_back("built by", "vitro " + info.vitro_version);
  if (!Internals::data(plan).tactics.empty())
    fields.emplace_back("tactics", tactics_summary(Internals::data(plan).tactics));
  return fields;
}

std::vector<std::string> plan_notes(const Plan& plan) {
  std::vector<std::string> notes = plan.info().notes;
  if (const auto& classifier = plan.info().classifier)
    if (auto note = guess_note(*classifier)) notes.push_back(std::move(*note));
  return notes;
}

Json plan_json(const Plan& plan) {
  const PlanInfo& info = plan.info();
  const Graph& graph = Internals::data(plan).graph;
  Json classes, labels, preprocessing, origins;  // null unless it is a classifier
  if (const auto& classifier = info.classifier) {
    classes = classifier->num_classes;
    labels = classifier->labels.size();
    preprocessing = preprocessing_json(classifier->preprocessing);
    origins = classifier->origins;
  }
  return {{"architecture", info.architecture},
          {"arch_params", Json(info.arch_params)},
          {"inputs", ports_json(graph, graph.inputs)},
          {"outputs", ports_json(graph, graph.outputs)},
          {"classes", classes},
          {"labels", labels},
          {"parameters", info.num_parameters},
          {"precision", weights_name(plan)},
          {"tensors", plan.weights().size()},
          {"preprocessing", preprocessing},
          {"origins", origins},
          {"source", info.source},
          {"source_checksum", info.source_checksum},
          {"vitro_version", info.vitro_version},
          {"tactics", tactics_json(Internals::data(plan).tactics)},
          {"notes", plan_notes(plan)}};
}

const char* weights_name(const Plan& plan) {
  const DType dtype = weights_dtype(Internals::data(plan).graph);
  if (dtype == DType::Int8) return "int8";
  if (dtype == DType::Float8E4M3) return "fp8";
  return dtype == DType::BFloat16 ? "bf16" : "fp32";
}

int64_t weight_bytes(const Plan& plan) {
  int64_t bytes = 0;
  for (const Value& value : Internals::data(plan).graph.values) {
    if (value.constant) bytes += static_cast<int64_t>(value.constant->bytes.size());
  }
  return bytes;
}

}  // namespace vitro::cli
