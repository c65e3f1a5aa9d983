#include "frontend/checkpoint/checkpoint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.h"
#include "frontend/checkpoint/select.h"
#include "frontend/checkpoint/shards.h"

namespace vitro {
namespace {

constexpr int64_t kStride = 32;        // of the last stage against the input
constexpr int64_t kMaxSide = 1 << 14;  // pixels, as in preprocessing
constexpr int64_t kDefaultClasses = 1000;
constexpr size_t kMaxListed = 5;

TensorShapes shapes_of(const TensorFile& file) {
  TensorShapes shapes;
  for (const TensorEntry& tensor : file.tensors) shapes[tensor.name] = tensor.dims;
  return shapes;
}

bool is_known(const std::string& architecture) {
  const auto configs = model_configs();
  return std::any_of(configs.begin(), configs.end(),
                     [&](const UniFormerConfig& config) { return config.name == architecture; });
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
  // timm writes "name.tag", where the tag tells how it was trained.
  const std::string named = metadata.architecture.substr(0, metadata.architecture.find('.'));
  if (is_known(named)) return find_model(named);
  const Identification found = identify(shapes, source);
  if (!named.empty())
    notes.push_back(fmt::format("{}: unknown architecture '{}', took {} by the tensor shapes",
                                metadata.source_path, named, found.config->name));
  if (!found.note.empty() && options.arch_params.empty()) notes.push_back(found.note);
  return *found.config;
}

/// The rows of the head; when it is missing the ledger will say so, and any number will do.
int64_t count_classes(const TensorShapes& shapes, const ModelMetadata& metadata,
                      const std::string& source) {
  const auto head = shapes.find("head.weight");
  if (head == shapes.end() || head->second.size() != 2)
    return metadata.num_classes > 0 ? metadata.num_classes : kDefaultClasses;
  const int64_t rows = head->second[0];
  check(rows >= 1 && rows <= kMaxClasses, ErrorCode::InvalidArgument,
        "checkpoint '{}': head.weight [{}] has {} classes, expected 1 to {}", source,
        to_string(head->second), rows, kMaxClasses);
  return rows;
}

int64_t input_side(const char* side, int64_t wanted, int from_metadata) {
  const int64_t pixels = wanted == 0 ? from_metadata : wanted;
  check(pixels >= kStride && pixels <= kMaxSide && pixels % kStride == 0,
        ErrorCode::InvalidArgument, "input {} {}: expected a multiple of {} from {} to {} pixels",
        side, pixels, kStride, kStride, kMaxSide);
  return pixels;
}

void take_labels(Classifier& classifier, const ModelMetadata& metadata,
                 std::vector<std::string>& notes) {
  if (metadata.num_classes != 0 && metadata.num_classes != classifier.num_classes)
    notes.push_back(fmt::format("{}: num_classes {} differs from the {} of head.weight",
                                metadata.source_path, metadata.num_classes,
                                classifier.num_classes));
  const size_t count = metadata.labels.size();
  if (count == 0) return;
  if (count == static_cast<size_t>(classifier.num_classes)) {
    classifier.label_ids = metadata.label_ids;
    classifier.labels = metadata.labels;
    return;
  }
  notes.push_back(fmt::format("{}: {} label_names for {} classes: labels are ignored",
                              metadata.source_path, count, classifier.num_classes));
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
  Classifier& classifier = info.classifier.emplace();
  classifier.num_classes = count_classes(shapes, metadata, source);
  classifier.preprocessing = metadata.preprocessing.value_or(default_preprocessing());
  const int64_t height = input_side("height", options.height, classifier.preprocessing.height);
  const int64_t width = input_side("width", options.width, classifier.preprocessing.width);
  classifier.preprocessing.height = static_cast<int>(height);
  classifier.preprocessing.width = static_cast<int>(width);

  WeightLedger ledger(std::move(selected.file), source, config.name, std::move(maps));
  model.graph = build_uniformer(
      config, {classifier.num_classes, height, width, options.stage_outputs}, ledger);
  try {
    ledger.finish();
  } catch (const Error& e) {
    const std::string better = better_architecture(shapes, config.name);
    // Nothing else can help than the name of the architecture, and that only when it fits.
    throw Error(e.code(), e.what(),
                better.empty() ? "" : fmt::format("the tensors look like {0}: --arch {0}", better));
  }
  model.ledger = ledger.entries();
  info.num_parameters = count_parameters(model.ledger);
  take_labels(classifier, metadata, info.notes);
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
  const ModelMetadata metadata = read_model_metadata(files.model_path, selected.file.metadata);
  ImportedModel model =
      import_selected(std::move(selected), metadata, path.string(), options, files.maps);
  model.info.source = files.path.filename().string();
  model.info.source_checksum = source_checksum(files.maps);
  return model;
}

}  // namespace vitro
