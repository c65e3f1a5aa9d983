#include "frontend/checkpoint/metadata.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/json.h"
#include "frontend/checkpoint/model_config.h"
#include "models/models.h"

namespace vitro {
namespace {

using nlohmann::json;
using Embedded = std::map<std::string, std::string>;

constexpr size_t kMaxListed = 8;

/// The strings of a safetensors header as one JSON object.
json embedded_config(const Embedded& embedded, const std::string& name) {
  const auto config = embedded.find("config");
  if (config != embedded.end()) return parse_json(config->second, name + ": config");
  json root = json::object();
  const auto add = [&](const char* key) {
    const auto found = embedded.find(key);
    if (found == embedded.end()) return;
    const std::string_view word = key;
    const bool is_text = word == "architecture" || word == "interpolation" || word == "crop_mode" ||
                         word == "global_pool";
    root[key] =
        is_text ? json(found->second) : parse_json(found->second, fmt::format("{}: {}", name, key));
  };
  for (const char* key : kModelKeys) add(key);
  for (const char* key : kTransformKeys) add(key);
  for (const char* key : kNotedKeys) add(key);
  return root;
}

ModelMetadata read_embedded(const std::filesystem::path& checkpoint, const Embedded& embedded,
                            const std::set<std::string>& decided) {
  const std::string name = checkpoint.string() + ": __metadata__";
  const json root = embedded_config(embedded, name);
  if (!has_known_key(root)) return {};
  return read_model_config(root, {name, "metadata"}, decided);
}

bool is_of_another_model(const ModelMetadata& metadata, int64_t num_classes) {
  return !metadata.architecture.empty() && !is_known_architecture(metadata.architecture) &&
         metadata.num_classes != 0 && num_classes != 0 && metadata.num_classes != num_classes;
}

/// The parts that `other` says otherwise.
std::vector<std::string> differences(const ModelMetadata& taken, const ModelMetadata& other) {
  std::vector<std::string> parts;
  const auto compare = [&](const char* part, bool is_said, bool is_equal) {
    if (is_said && !is_equal) parts.emplace_back(part);
  };
  const Preprocessing &a = taken.preprocessing, &b = other.preprocessing;
  const auto says = [&](const char* part) { return other.origins.contains(part); };
  compare("architecture", !other.architecture.empty(), taken.architecture == other.architecture);
  compare("num_classes", other.num_classes != 0, taken.num_classes == other.num_classes);
  compare("size", says("size"), a.height == b.height && a.width == b.width);
  compare("crop_pct", says("crop_pct"), a.crop_pct == b.crop_pct);
  compare("crop_mode", says("crop_mode"), a.crop_mode == b.crop_mode);
  compare("interpolation", says("interpolation"), a.interpolation == b.interpolation);
  compare("mean", says("mean"), a.mean == b.mean);
  compare("std", says("std"), a.std == b.std);
  compare("labels", says("labels"), taken.label_ids == other.label_ids);
  return parts;
}

/// A file beside the checkpoint, and the header within: the file counts, whatever it lacks.
void note_embedded(ModelMetadata& taken, const std::filesystem::path& checkpoint,
                   const Embedded& embedded, const std::set<std::string>& decided) {
  try {
    const ModelMetadata other = read_embedded(checkpoint, embedded, decided);
    const std::vector<std::string> parts = differences(taken, other);
    if (!parts.empty())
      taken.notes.push_back(
          fmt::format("{}: taken in place of the metadata in the checkpoint, which says otherwise "
                      "of {}",
                      taken.source_path, fmt::join(parts, ", ")));
  } catch (const Error&) {
    // What is not taken need not be right.
  }
}

/// A config.json without any key that is read: what it has instead.
std::string foreign_note(const std::string& name, const json& root) {
  std::vector<std::string> keys;
  if (root.is_object())
    for (const auto& [key, value] : root.items())
      if (keys.size() < kMaxListed) keys.push_back(fmt::format("{:.40}", key));
  return fmt::format(
      "{}: nothing is taken from it: no key of timm's layout ({})", name,
      keys.empty() ? "it has none" : fmt::format("it has {}", fmt::join(keys, ", ")));
}

}  // namespace

// timm writes "name.tag", where the tag tells how it was trained.
bool is_known_architecture(std::string_view name) {
  const auto configs = model_configs();
  return std::any_of(configs.begin(), configs.end(), [&](const UniFormerConfig& config) {
    return config.name == name.substr(0, name.find('.'));
  });
}

ModelMetadata read_model_metadata(const std::filesystem::path& checkpoint, const Embedded& embedded,
                                  int64_t num_classes, const std::set<std::string>& decided) {
  std::vector<std::string> passed_over;
  ModelMetadata metadata;
  for (const std::string& file :
       {checkpoint.stem().string() + ".config.json", std::string("config.json")}) {
    const std::filesystem::path path = checkpoint.parent_path() / file;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) continue;
    const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
    const std::string name = path.string();
    const json root = parse_json(as_text(bytes), name);
    if (!has_known_key(root)) {
      passed_over.push_back(foreign_note(name, root));
      continue;
    }
    metadata = read_model_config(root, {name, file}, decided);
    if (file != "config.json" || !is_of_another_model(metadata, num_classes)) break;
    passed_over.push_back(
        fmt::format("{}: nothing is taken from it: it is of '{:.80}' with {} classes, the weights "
                    "have {}",
                    name, metadata.architecture, metadata.num_classes, num_classes));
    metadata = {};
  }
  if (metadata.source_path.empty())
    metadata = read_embedded(checkpoint, embedded, decided);
  else
    note_embedded(metadata, checkpoint, embedded, decided);
  metadata.notes.insert(metadata.notes.begin(), passed_over.begin(), passed_over.end());
  return metadata;
}

}  // namespace vitro
