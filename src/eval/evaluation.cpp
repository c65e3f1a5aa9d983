#include "eval/evaluation.h"

#include <algorithm>
#include <chrono>

#include "core/check.h"
#include "core/error_norms.h"
#include "core/thread_team.h"
#include "eval/prediction.h"
#include "image/batch_reader.h"
#include "measure/statistics.h"

namespace vitro {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What all logits seen so far show.
struct LogitErrors {
  int64_t same_class = 0;
  ErrorNorms norms;

  void add(std::span<const float> logits, std::span<const float> expected) {
    norms.add(logits, expected);
    if (top_indices(logits, 1) == top_indices(expected, 1)) ++same_class;
  }

  Agreement agreement() const { return {same_class, norms.nmse(), norms.max_error()}; }
};

void count_image(Evaluation& evaluation, size_t image, int label, std::span<const float> logits) {
  const std::vector<int64_t> best = top_indices(logits, 5);
  ++evaluation.images;
  const bool finite = all_finite(logits);
  if (!finite) ++evaluation.not_finite;
  if (finite && best.front() == label) ++evaluation.top1;
  if (finite && std::find(best.begin(), best.end(), label) != best.end()) ++evaluation.top5;
  evaluation.results.push_back(
      {image, best.front(), softmax(logits)[static_cast<size_t>(best.front())]});
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
  while (true) {
    const auto start = Clock::now();
    const std::vector<size_t> indices = reader.read(input.as<float>(), static_cast<size_t>(batch));
    if (indices.empty()) break;
    const auto inference_start = Clock::now();
    const Tensor decoded = first_images(input, indices.size());
    const Tensor logits = session.run(decoded);
    evaluation.inference_seconds += seconds_since(inference_start);
    evaluation.seconds += seconds_since(start);

    const size_t classes = logits.as<float>().size() / indices.size();
    const Tensor expected = reference ? reference->run(decoded) : Tensor();
    check(!reference || expected.dims() == logits.dims(), ErrorCode::InvalidArgument,
          "the reference gives {} logits, the model {}", to_string(expected.dims()),
          to_string(logits.dims()));
    for (size_t i = 0; i < indices.size(); ++i) {
      const std::span row = logits.as<float>().subspan(i * classes, classes);
      count_image(evaluation, indices[i], images[indices[i]].label, row);
      if (reference) errors.add(row, expected.as<float>().subspan(i * classes, classes));
    }
    hooks.on_progress(static_cast<int64_t>(reader.next()));
  }
  evaluation.failed = reader.failed();
  if (reference && evaluation.images > 0) evaluation.agreement = errors.agreement();
  return evaluation;
}

}  // namespace vitro
