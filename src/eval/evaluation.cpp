#include "eval/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "core/error_norms.h"
#include "core/thread_team.h"
#include "eval/prediction.h"
#include "image/batch_reader.h"
#include "measure/statistics.h"
#include "runtime/model_input.h"

namespace vitro {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double kl_divergence(std::span<const float> logits, std::span<const float> expected) {
  if (!all_finite(logits) || !all_finite(expected)) return std::numeric_limits<double>::infinity();
  const std::vector<double> q = softmax(logits), p = softmax(expected);
  double sum = 0;
  // A probability of the model that is rounded to 0 would be an infinite surprise.
  constexpr double kLeast = std::numeric_limits<double>::min();
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) sum += p[i] * std::log(p[i] / std::max(q[i], kLeast));
  return std::max(sum, 0.0);
}

bool is_right(std::span<const float> logits, int label) {
  return all_finite(logits) && top_indices(logits, 1).front() == label;
}

/// What all logits seen so far show.
class LogitErrors {
 public:
  void add(std::span<const float> logits, std::span<const float> expected, int label) {
    ++images_;
    norms_.add(logits, expected);
    divergence_ += kl_divergence(logits, expected);
    if (top_indices(logits, 1) == top_indices(expected, 1)) ++seen_.same_class;
    const bool right = is_right(logits, label), reference_right = is_right(expected, label);
    seen_.reference_top1 += reference_right;
    seen_.only_model += right && !reference_right;
    seen_.only_reference += reference_right && !right;
  }

  Agreement agreement() const {
    Agreement result = seen_;
    result.nmse = norms_.nmse();
    result.max_error = norms_.max_error();
    result.kl_divergence = divergence_ / static_cast<double>(images_);
    return result;
  }

 private:
  Agreement seen_;
  ErrorNorms norms_;
  double divergence_ = 0;
  int64_t images_ = 0;
};

void count_image(Evaluation& evaluation, size_t image, int label, std::span<const float> logits) {
  const std::vector<int64_t> best = top_indices(logits, 5);
  ++evaluation.images;
  const bool finite = all_finite(logits);
  if (!finite) ++evaluation.not_finite;
  if (finite && best.front() == label) ++evaluation.top1;
  if (finite && std::find(best.begin(), best.end(), label) != best.end()) ++evaluation.top5;
  evaluation.results.push_back({image, best.front(),
                                softmax(logits)[static_cast<size_t>(best.front())],
                                finite && best.front() == label});
}

/// A part of the batch, in the same memory.
Tensor first_images(const Tensor& batch, size_t count) {
  TensorView view = batch.view();
  view.dims[0] = static_cast<int64_t>(count);
  return {std::move(view), std::make_shared<Tensor>(batch)};
}

}  // namespace

double Evaluation::mean_probability() const {
  double sum = 0;
  for (const ImageResult& result : results) sum += result.probability;
  return sum / static_cast<double>(results.size());
}

bool is_surely_wrong(const Evaluation& evaluation, int64_t num_classes) {
  // A calibrated model is right as often as it says; this much more is no matter of calibration.
  constexpr double kMargin = 0.2;
  const Interval interval = wilson_interval(evaluation.top1, evaluation.images);
  return interval.low <= 1.0 / static_cast<double>(num_classes) &&
         evaluation.mean_probability() > interval.high + kMargin;
}

PairedResults paired_results(const Evaluation& model, const Evaluation& reference) {
  PairedResults pairs;
  // Both in the order of the list, but one may lack an image that could not be read.
  auto other = reference.results.begin();
  for (const ImageResult& result : model.results) {
    while (other != reference.results.end() && other->image < result.image) ++other;
    if (other == reference.results.end() || other->image != result.image) continue;
    pairs.only_model += result.right && !other->right;
    pairs.only_reference += other->right && !result.right;
  }
  return pairs;
}

double mean_divergence(std::span<const float> logits, std::span<const float> expected,
                       size_t classes) {
  double sum = 0;
  for (size_t i = 0; i < logits.size(); i += classes)
    sum += kl_divergence(logits.subspan(i, classes), expected.subspan(i, classes));
  return sum * static_cast<double>(classes) / static_cast<double>(logits.size());
}

Evaluation evaluate(const Session& session, const Session* reference,
                    std::span<const LabelledImage> images, int64_t batch,
                    const EvaluationHooks& hooks) {
  Evaluation evaluation;
  LogitErrors errors;
  batch = std::min(batch, static_cast<int64_t>(images.size()));
  const Preprocessing& preprocessing = session.plan().classifier().preprocessing;
  Tensor input({batch, 3, preprocessing.height, preprocessing.width});
  ThreadTeam team(session.threads());
  BatchReader reader(preprocessing, images, team, {hooks.limits, hooks.on_failure});
  while (!hooks.stop()) {
    const auto start = Clock::now();
    const std::vector<size_t> indices = reader.read(input.as<float>(), static_cast<size_t>(batch));
    if (indices.empty()) break;
    const auto inference_start = Clock::now();
    const Tensor decoded = first_images(input, indices.size());
    const Tensor logits = run_on_floats(session, decoded);
    evaluation.inference_seconds += seconds_since(inference_start);
    evaluation.seconds += seconds_since(start);

    const size_t classes = logits.as<float>().size() / indices.size();
    const Tensor expected = reference ? run_on_floats(*reference, decoded) : Tensor();
    check(!reference || expected.dims() == logits.dims(), ErrorCode::InvalidArgument,
          "the reference gives {} logits, the model {}", to_string(expected.dims()),
          to_string(logits.dims()));
    for (size_t i = 0; i < indices.size(); ++i) {
      const std::span row = logits.as<float>().subspan(i * classes, classes);
      count_image(evaluation, indices[i], images[indices[i]].label, row);
      if (reference)
        errors.add(row, expected.as<float>().subspan(i * classes, classes),
                   images[indices[i]].label);
    }
    hooks.on_progress(static_cast<int64_t>(reader.next()));
  }
  evaluation.failed = reader.failed();
  if (reference && evaluation.images > 0) evaluation.agreement = errors.agreement();
  return evaluation;
}

}  // namespace vitro
