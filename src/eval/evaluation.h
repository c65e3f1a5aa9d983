#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image/folder.h"
#include "vitro/image.h"
#include "vitro/session.h"

namespace vitro {

/// What the model said about one image.
struct ImageResult {
  size_t image = 0;  ///< index into the evaluated list
  int64_t prediction = 0;
  double probability = 0;
  bool right = false;  ///< all logits are finite, and the class is the image's
};

/// How near the logits are to those of another engine or model.
struct Agreement {
  int64_t same_class = 0;  ///< images with the same first class
  double nmse = 0;         ///< |x - ref|^2 / |ref|^2 over all logits
  double max_error = 0;    ///< max |x - ref| / rms(ref)
  /// Mean over the images of sum(p log(p / q)), p being the reference's probabilities; infinite
  /// when logits are not.
  double kl_divergence = 0;
  int64_t reference_top1 = 0;  ///< images that the reference gets right
  int64_t only_model = 0;      ///< images that the model alone gets right
  int64_t only_reference = 0;

  /// Of the logits, in dB: 10 log10(|ref|^2 / |x - ref|^2).
  double sqnr_db() const { return -10 * std::log10(nmse); }
};

struct Evaluation {
  int64_t images = 0;  ///< that were decoded and run
  int64_t failed = 0;  ///< that could not be decoded
  int64_t top1 = 0;
  int64_t top5 = 0;
  int64_t not_finite = 0;        ///< images with infinite or NaN logits; they count as wrong
  double seconds = 0;            ///< reading, preprocessing and inference; without the reference
  double inference_seconds = 0;  ///< part of `seconds`
  std::vector<ImageResult> results;
  std::optional<Agreement> agreement;

  /// Of the first classes, over all images; how sure the model is. NaN without images.
  double mean_probability() const;
};

/// Whether top-1 is no better than chance although the model is sure of its answers: the images,
/// the classes or the preprocessing are hardly those that it was trained with. False where too few
/// images were evaluated to tell.
bool is_surely_wrong(const Evaluation& evaluation, int64_t num_classes);

/// How many images one of two models alone gets right.
struct PairedResults {
  int64_t only_model = 0, only_reference = 0;
};
/// Of the images that both ran, which are the same list.
PairedResults paired_results(const Evaluation& model, const Evaluation& reference);

struct EvaluationHooks {
  std::function<void(int64_t done)> on_progress;
  std::function<void(const std::string& message)> on_failure;  ///< one image could not be read
  DecodeLimits limits = {};                                    ///< of one image
  /// Asked between batches; the result is then of the images until there.
  std::function<bool()> stop = [] { return false; };
};

/// Mean over the rows of sum(p log(p / q)), p being the probabilities of `expected`; infinite when
/// logits are not finite. Both are [rows, classes].
double mean_divergence(std::span<const float> logits, std::span<const float> expected,
                       size_t classes);

/// Runs the images in batches of `batch`. Images are decoded on as many threads as the session has.
/// `reference` may be nullptr; it gets the same tensors. Throws Unsupported when the model is not a
/// classifier, and InvalidArgument when the two have different numbers of classes.
Evaluation evaluate(const Session& session, const Session* reference,
                    std::span<const LabelledImage> images, int64_t batch,
                    const EvaluationHooks& hooks);

}  // namespace vitro
