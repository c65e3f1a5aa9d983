#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/checkpoint/metadata.h"
#include "vitro/plan.h"

namespace vitro {

/// What the user decides of how a classifier is fed and read.
struct ClassifierChoices {
  int64_t height = 0;  ///< input size in pixels; 0: as it is
  int64_t width = 0;   ///< as height
  PreprocessingChoices preprocessing{};
  std::filesystem::path labels{};  ///< list of classes; empty: as they are

  bool operator==(const ClassifierChoices&) const = default;
};

/// The parts (keys of Origins) that the choices decide.
std::set<std::string> decided_parts(const ClassifierChoices& choices);

/// Preprocessing and labels by the first of: the choices, the metadata, the defaults. Notes say
/// what of the metadata was not taken. Throws what apply_choices() does, and InvalidArgument for a
/// size that is no multiple of `stride`, that of the model's last stage against the input.
Classifier make_classifier(int64_t num_classes, const ModelMetadata& metadata,
                           const ClassifierChoices& choices, std::vector<std::string>& notes,
                           int64_t stride = 32);

/// Puts choices in the place of what a classifier has. Notes say how they contradict it. Throws
/// InvalidArgument for values that make no sense (a crop_pct of 87.5, a list of another number of
/// classes), and what read_class_list() does.
void apply_choices(Classifier& classifier, const ClassifierChoices& choices,
                   std::vector<std::string>& notes);

/// The preprocessing that nothing says, so that it is a guess, which may make answers wrong.
std::optional<std::string> guess_note(const Classifier& classifier);

}  // namespace vitro
