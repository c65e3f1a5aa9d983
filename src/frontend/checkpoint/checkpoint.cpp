#include "frontend/checkpoint/checkpoint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.h"
#include "frontend/checkpoint/select.h"
#include "frontend/checkpoint/shards.h"

namespace vitro {
namespace {

constexpr int64_t kDefaultClasses = 1000;
constexpr size_t kMaxListed = 5;

TensorShapes shapes_of(const TensorFile& file) {
  TensorShapes shapes;
  for (const TensorEntry& tensor : file.tensors) shapes[tensor.name] = tensor.dims;
  return shapes;
}

Identification identify(const TensorShapes& shapes, const std::string& source) {
  try {
    return identify_model(shapes);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("'{}': {}", source, e.what()), e.hint());
  }
}

/// The architecture, by the first of: the user, the metadata, the tensors.
UniFormerConfig choose_architecture(const TensorShapes& shapes, const ModelMetadata& metadata,
                                    const std::string& source, const CheckpointOptions& options,
                                    std::vector<std::string>& notes) {
  if (!options.arch.empty()) return find_model(options.arch);
  const std::string named = metadata.architecture.substr(0, metadata.architecture.find('.'));
  if (is_known_architecture(named)) return find_model(named);
  const Identification found = identify(shapes, source);
  if (!named.empty())
    notes.push_back(fmt::format("{}: unknown architecture '{}', took {} by the tensor shapes",
                                metadata.source_path, named, found.config->name));
  if (!found.note.empty() && options.arch_params.empty()) notes.push_back(found.note);
  return *found.config;
}

/// The rows of the head; 0 when it is missing.
int64_t count_classes(const TensorShapes& shapes, const std::string& source) {
  const auto head = shapes.find("head.weight");
  if (head == shapes.end() || head->second.size() != 2) return 0;
  const int64_t rows = head->second[0];
  check(rows >= 1 && rows <= kMaxClasses, ErrorCode::InvalidArgument,
        "checkpoint '{}': head.weight [{}] has {} classes, expected 1 to {}", source,
        to_string(head->second), rows, kMaxClasses);
  return rows;
}

/// When the head is missing the ledger will say so, and any number will do.
int64_t choose_classes(int64_t rows, const ModelMetadata& metadata) {
  if (rows > 0) return rows;
  return metadata.num_classes > 0 ? metadata.num_classes : kDefaultClasses;
}

/// Counters are not parameters.
int64_t count_parameters(const std::vector<WeightRecord>& ledger) {
  int64_t count = 0;
  for (const WeightRecord& entry : ledger)
    if (!is_counter(entry.name, entry.dims)) count += num_elements(entry.dims);
  return count;
}

/// The warning about NaN and infinity, if there is anything to warn of.
std::optional<std::string> non_finite_note(const std::vector<NonFiniteWeights>& tensors) {
  if (tensors.empty()) return std::nullopt;
  std::string list;
  for (size_t i = 0; i < std::min(tensors.size(), kMaxListed); ++i)
    list += fmt::format("{}{} ({} NaN, {} infinite)", i == 0 ? "" : ", ", tensors[i].name,
                        tensors[i].num_nan, tensors[i].num_infinite);
  if (tensors.size() > kMaxListed) list += fmt::format(" and {} more", tensors.size() - kMaxListed);
  return fmt::format("weights that are not finite in {} tensors: {}", tensors.size(), list);
}

/// What the shapes say, for the hint of an error about weights that do not fit.
std::string better_architecture(const TensorShapes& shapes, const std::string& tried) {
  try {
    const std::string& name = identify_model(shapes).config->name;
    return name == tried ? "" : name;
  } catch (const Error&) {
    return "";
  }
}

ImportedModel import_selected(SelectedWeights selected, const ModelMetadata& metadata,
                              const std::string& source, const CheckpointOptions& options,
                              MappedFiles maps) {
  const TensorShapes shapes = shapes_of(selected.file);
  ImportedModel model;
  PlanInfo& info = model.info;
  info.notes = std::move(selected.notes);
  info.passed_over = std::move(selected.passed_over);
  UniFormerConfig config = choose_architecture(shapes, metadata, source, options, info.notes);
  set_arch_params(config, options.arch_params);
  info.architecture = config.name;
  info.arch_params = arch_params(config);
  const Classifier& classifier = info.classifier.emplace(
      make_classifier(choose_classes(count_classes(shapes, source), metadata), metadata,
                      options.classifier, info.notes));

  WeightLedger ledger(std::move(selected.file), source, config.name, std::move(maps));
  model.graph = build_uniformer(config,
                                {classifier.num_classes, classifier.preprocessing.height,
                                 classifier.preprocessing.width, options.stage_outputs},
                                ledger);
  try {
    ledger.finish();
  } catch (const Error& e) {
    const std::string better = better_architecture(shapes, config.name);
    if (better.empty()) throw;
    const bool is_named = options.arch.empty() && !metadata.architecture.empty();
    throw Error(e.code(), e.what(),
                fmt::format("{1}the tensors look like {0}: --arch {0}", better,
                            is_named ? fmt::format("'{}' names '{:.80}', ", metadata.source_path,
                                                   metadata.architecture)
                                     : ""));
  }
  model.ledger = ledger.entries();
  info.num_parameters = count_parameters(model.ledger);
  if (auto note = non_finite_note(ledger.non_finite())) info.notes.push_back(std::move(*note));
  return model;
}

}  // namespace

ImportedModel import_tensors(TensorFile file, const ModelMetadata& metadata,
                             const std::string& source, const CheckpointOptions& options) {
  return import_selected(select_weights(std::move(file), options.weights_key, source), metadata,
                         source, options, {});
}

ImportedModel import_checkpoint(const std::filesystem::path& path,
                                const CheckpointOptions& options) {
  CheckpointFiles files = open_checkpoint(path);
  SelectedWeights selected =
      select_weights(std::move(files.tensors), options.weights_key, path.string());
  const ModelMetadata metadata = read_model_metadata(
      files.model_path, selected.file.metadata,
      count_classes(shapes_of(selected.file), path.string()), decided_parts(options.classifier));
  ImportedModel model =
      import_selected(std::move(selected), metadata, path.string(), options, files.maps);
  model.info.source = files.path.filename().string();
  model.info.source_checksum = source_checksum(files.maps);
  return model;
}

}  // namespace vitro
