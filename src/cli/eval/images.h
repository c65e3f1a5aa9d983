#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "image/folder.h"

namespace vitro::cli {

struct EvalOptions : CommonOptions {
  std::string folder;
  std::string classes;       ///< class list; empty: none
  std::string ground_truth;  ///< list of files and classes; empty: a directory per class
  ClassOrder class_order = ClassOrder::Auto;
  std::string reference;
  std::string predictions;
  std::optional<double> min_top1;  ///< percent
  std::optional<double> max_drop;  ///< points below the top-1 of the reference
  int64_t limit = 0;               ///< 0: all
  int64_t batch = 8;
};

/// What is evaluated.
struct EvalImages {
  ImageFolder folder;
  /// What tells the classes in order: "file", "model", "text" or "natural" (directories), or
  /// "numbers" (of a ground truth without names).
  std::string order;
  std::vector<std::string> warnings;  ///< what may be another than was meant
};

/// Throws InvalidArgument when there are not as many classes as the model has, and what
/// read_class_list(), scan_image_folder() and read_ground_truth() do.
EvalImages read_images(const EvalOptions& options, const Plan& plan);

}  // namespace vitro::cli
