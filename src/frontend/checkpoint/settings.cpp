#include "frontend/checkpoint/settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/check.h"
#include "image/class_list.h"
#include "image/names.h"

namespace vitro {
namespace {

constexpr int64_t kMaxSide = 1 << 14;  // pixels, as in preprocessing
constexpr std::array kParts{"size", "crop_pct", "crop_mode", "interpolation", "mean", "std"};

void check_side(const char* side, int64_t pixels, int64_t multiple, const std::string& origin) {
  if (pixels >= multiple && pixels <= kMaxSide && pixels % multiple == 0) return;
  const int64_t below = pixels / multiple * multiple;
  const bool is_between = pixels > multiple && pixels < kMaxSide;
  fail_hint(ErrorCode::InvalidArgument,
            is_between ? fmt::format("the nearest are {} and {}", below, below + multiple)
                       : fmt::format("the nearest is {}", std::clamp(pixels, multiple, kMaxSide)),
            "input {} {} ({}): expected {}{} to {} pixels", side, pixels, origin,
            multiple > 1 ? fmt::format("a multiple of {} from ", multiple) : "", multiple,
            kMaxSide);
}

void check_range(const char* part, double value, double min, double max) {
  check(value >= min && value <= max, ErrorCode::InvalidArgument,
        "preprocessing: {} is {}, expected {} to {}", part, value, min, max);
}

void check_range(const char* part, const std::array<float, 3>& values, double min, double max) {
  for (const float value : values) check_range(part, value, min, max);
}

std::string value_text(const std::string& part, const Preprocessing& pre) {
  if (part == "size") return fmt::format("{}x{} pixels", pre.height, pre.width);
  if (part == "crop_pct") return fmt::format("crop_pct {:g}", pre.crop_pct);
  if (part == "crop_mode") return fmt::format("crop_mode {}", name_in(kCropModes, pre.crop_mode));
  if (part == "interpolation") return name_in(kInterpolations, pre.interpolation);
  if (part == "mean") return fmt::format("mean {:g}", fmt::join(pre.mean, " "));
  return fmt::format("std {:g}", fmt::join(pre.std, " "));
}

void take_labels(Classifier& classifier, const ModelMetadata& metadata,
                 std::vector<std::string>& notes) {
  if (metadata.num_classes != 0 && metadata.num_classes != classifier.num_classes)
    notes.push_back(fmt::format("{}: num_classes {} differs from the {} of head.weight",
                                metadata.source_path, metadata.num_classes,
                                classifier.num_classes));
  classifier.origins["labels"] = "none";
  const size_t count = metadata.labels.size();
  if (count == 0) return;
  if (count != static_cast<size_t>(classifier.num_classes)) {
    notes.push_back(fmt::format("{}: {} label_names for {} classes: labels are ignored",
                                metadata.source_path, count, classifier.num_classes));
    return;
  }
  classifier.label_ids = metadata.label_ids;
  classifier.labels = metadata.labels;
  classifier.origins["labels"] = metadata.origins.at("labels");
}

void read_labels(Classifier& classifier, const std::filesystem::path& path,
                 std::vector<std::string>& notes) {
  ClassNames names = read_class_list(path);
  if (static_cast<int64_t>(names.ids.size()) != classifier.num_classes)
    fail_hint(ErrorCode::InvalidArgument, "the list gives the class of each output, in order",
              "'{}' has {} classes, the model {}", path.string(), names.ids.size(),
              classifier.num_classes);
  const auto contradiction = order_contradiction(names, {classifier.label_ids, classifier.labels});
  if (contradiction) notes.push_back(fmt::format("'{}': {}", path.string(), *contradiction));
  classifier.label_ids = std::move(names.ids);
  classifier.labels = std::move(names.labels);
  classifier.origins["labels"] = "flag";
}

void note_size_limits(const Classifier& classifier, const ModelMetadata& metadata,
                      std::vector<std::string>& notes) {
  const Preprocessing& pre = classifier.preprocessing;
  const auto& fixed = metadata.fixed_size;
  if (fixed && *fixed != std::array{pre.height, pre.width})
    notes.push_back(fmt::format("{}: fixed_input_size is true for {}x{}, the input is {}x{}",
                                metadata.source_path, (*fixed)[0], (*fixed)[1], pre.height,
                                pre.width));
  const auto& least = metadata.min_size;
  if (least && (pre.height < (*least)[0] || pre.width < (*least)[1]))
    notes.push_back(fmt::format("{}: min_input_size is {}x{}, the input is {}x{}",
                                metadata.source_path, (*least)[0], (*least)[1], pre.height,
                                pre.width));
}

}  // namespace

std::optional<std::string> guess_note(const Classifier& classifier) {
  std::vector<std::string> guesses;
  bool is_crop_mode_alone = true;  // timm writes it only where it is not the default: no guess
  for (const char* part : kParts) {
    const auto found = classifier.origins.find(part);
    if (found == classifier.origins.end() || found->second != "default") continue;
    guesses.push_back(value_text(part, classifier.preprocessing));
    is_crop_mode_alone = is_crop_mode_alone && std::string_view(part) == "crop_mode";
  }
  if (is_crop_mode_alone) return std::nullopt;
  return fmt::format(
      "preprocessing is guessed where nothing says it: {}, as the authors of UniFormer evaluate on "
      "ImageNet; a config.json beside the weights or options such as --crop-pct tell it",
      fmt::join(guesses, ", "));
}

std::set<std::string> decided_parts(const ClassifierChoices& choices) {
  std::set<std::string> parts;
  const PreprocessingChoices& pre = choices.preprocessing;
  if (choices.height != 0 || choices.width != 0) parts.insert("size");
  if (pre.crop_pct) parts.insert("crop_pct");
  if (pre.crop_mode) parts.insert("crop_mode");
  if (pre.interpolation) parts.insert("interpolation");
  if (pre.mean) parts.insert("mean");
  if (pre.std) parts.insert("std");
  return parts;
}

Classifier make_classifier(int64_t num_classes, const ModelMetadata& metadata,
                           const ClassifierChoices& choices, std::vector<std::string>& notes,
                           int64_t stride) {
  Classifier classifier;
  classifier.num_classes = num_classes;
  classifier.preprocessing = metadata.preprocessing;
  for (const char* part : kParts) {
    const auto said = metadata.origins.find(part);
    classifier.origins[part] = said == metadata.origins.end() ? "default" : said->second;
  }
  notes.insert(notes.end(), metadata.notes.begin(), metadata.notes.end());
  take_labels(classifier, metadata, notes);
  apply_choices(classifier, choices, notes);
  check_side("height", classifier.preprocessing.height, stride, classifier.origins["size"]);
  check_side("width", classifier.preprocessing.width, stride, classifier.origins["size"]);
  note_size_limits(classifier, metadata, notes);
  return classifier;
}

void apply_choices(Classifier& classifier, const ClassifierChoices& choices,
                   std::vector<std::string>& notes) {
  Preprocessing& pre = classifier.preprocessing;
  for (const std::string& part : decided_parts(choices)) classifier.origins[part] = "flag";
  if (choices.height != 0) {
    check_side("height", choices.height, 1, "flag");
    pre.height = static_cast<int>(choices.height);
  }
  if (choices.width != 0) {
    check_side("width", choices.width, 1, "flag");
    pre.width = static_cast<int>(choices.width);
  }
  const PreprocessingChoices& chosen = choices.preprocessing;
  if (chosen.crop_pct) check_range("crop_pct", *chosen.crop_pct, kMinCropPct, kMaxCropPct);
  if (chosen.mean) check_range("mean", *chosen.mean, kMinMean, kMaxMean);
  if (chosen.std) check_range("std", *chosen.std, kMinStd, kMaxStd);
  pre.crop_pct = chosen.crop_pct.value_or(pre.crop_pct);
  pre.crop_mode = chosen.crop_mode.value_or(pre.crop_mode);
  pre.interpolation = chosen.interpolation.value_or(pre.interpolation);
  pre.mean = chosen.mean.value_or(pre.mean);
  pre.std = chosen.std.value_or(pre.std);
  if (!choices.labels.empty()) read_labels(classifier, choices.labels, notes);
}

}  // namespace vitro
