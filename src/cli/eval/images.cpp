#include "cli/eval/images.h"

#include "core/check.h"
#include "image/class_list.h"
#include "image/ground_truth.h"

namespace vitro::cli {
namespace {

/// The names that outputs are found by: of a file, of the model, or none.
ClassNames names_of(const EvalOptions& options, const Classifier& classifier) {
  if (!options.classes.empty()) return read_class_list(options.classes);
  if (options.class_order != ClassOrder::Auto) return {};
  return {classifier.label_ids, classifier.labels};
}

void check_count(const EvalOptions& options, const ClassNames& names, size_t classes,
                 const Classifier& classifier) {
  if (static_cast<int64_t>(classes) == classifier.num_classes) return;
  fail_hint(ErrorCode::InvalidArgument, "--classes FILE gives the class of each output, in order",
            "'{}' has {} classes, the model {}",
            names.ids.empty() ? options.folder : options.classes, classes, classifier.num_classes);
}

void warn_of_order(EvalImages& images, const std::string& what, const ClassNames& names,
                   const Classifier& classifier) {
  const ClassNames known{classifier.label_ids, classifier.labels};
  if (const auto contradiction = order_contradiction(names, known))
    images.warnings.push_back(fmt::format("{}: {}", what, *contradiction));
}

void read_directories(const EvalOptions& options, const ClassNames& names,
                      const Classifier& classifier, EvalImages& images) {
  // A list of other classes should not be told directory by directory.
  if (!options.classes.empty()) check_count(options, names, names.ids.size(), classifier);
  images.folder = scan_image_folder(options.folder, names, options.class_order);
  const std::vector<std::string>& classes = images.folder.classes;
  check_count(options, names, classes.size(), classifier);
  if (!names.ids.empty()) return;
  images.order = images.folder.order == ClassOrder::Natural ? "natural" : "text";
  warn_of_order(images, fmt::format("'{}'", options.folder), {classes, {}}, classifier);
  if (options.class_order == ClassOrder::Auto && images.order == "text" && are_numbers(classes))
    images.warnings.push_back(
        fmt::format("the directories have numbers that are not 0 to {}, and are taken in the order "
                    "of their text: '{}', '{}', ...; --class-order natural counts",
                    classes.size() - 1, classes.front(), classes.back()));
}

void read_list(const EvalOptions& options, const ClassNames& names, const Classifier& classifier,
               EvalImages& images) {
  if (!names.ids.empty()) check_count(options, names, names.ids.size(), classifier);
  GroundTruth truth =
      read_ground_truth(options.folder, options.ground_truth, names, classifier.num_classes);
  images.folder = std::move(truth.folder);
  if (names.ids.empty()) images.order = "numbers";
  if (truth.missing > 0)
    images.warnings.push_back(fmt::format("{} pictures of '{}' are not in '{}'", truth.missing,
                                          options.ground_truth, options.folder));
  if (truth.unlisted > 0)
    images.warnings.push_back(fmt::format("{} pictures of '{}' are not in '{}', and are left out",
                                          truth.unlisted, options.folder, options.ground_truth));
  if (truth.from_one)
    images.warnings.push_back(
        fmt::format("'{}' has the numbers 1 to {}: 1 is taken as the first output; ImageNet's own "
                    "list counts in the order of its development kit, not of the synsets",
                    options.ground_truth, classifier.num_classes));
}

}  // namespace

EvalImages read_images(const EvalOptions& options, const Plan& plan) {
  const Classifier& classifier = plan.classifier();
  const ClassNames names = names_of(options, classifier);
  // Numbers of a ground truth need no names.
  if (options.ground_truth.empty() || !options.classes.empty())
    check_unique(names.ids, options.classes.empty() ? plan.info().source : options.classes);
  EvalImages images;
  images.order = options.classes.empty() ? "model" : "file";
  if (options.ground_truth.empty())
    read_directories(options, names, classifier, images);
  else
    read_list(options, names, classifier, images);
  if (!options.classes.empty())
    warn_of_order(images, fmt::format("'{}'", options.classes), names, classifier);
  return images;
}

}  // namespace vitro::cli
