#include "eval/evaluation.h"

#include <algorithm>
#include <chrono>

#include "core/check.h"
#include "core/error_norms.h"
#include "core/thread_team.h"
#include "eval/prediction.h"
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

/// Fills batches with the images that can be decoded, so that only the last batch is smaller.
class BatchReader {
 public:
  BatchReader(const Preprocessing& preprocessing, std::span<const LabelledImage> images,
              int threads, const EvaluationHooks& hooks)
      : preprocessing_(preprocessing), images_(images), team_(threads), hooks_(hooks) {}

  int64_t failed() const { return failed_; }
  size_t next() const { return next_; }

  /// Preprocesses up to `capacity` images into `pixels` and returns their indices.
  std::vector<size_t> read(std::span<float> pixels, size_t capacity) {
    const size_t image_floats = pixels.size() / capacity;
    std::vector<size_t> indices;
    while (indices.size() < capacity && next_ < images_.size()) {
      const size_t count = std::min(capacity - indices.size(), images_.size() - next_);
      const std::span<float> free = pixels.subspan(indices.size() * image_floats);
      const std::vector<std::string> errors = decode(free, image_floats, count);
      size_t kept = 0;
      for (size_t i = 0; i < count; ++i) {
        if (!errors[i].empty()) {
          ++failed_;
          hooks_.on_failure(errors[i]);
          continue;
        }
        if (kept != i)
          std::copy_n(free.begin() + static_cast<std::ptrdiff_t>(i * image_floats), image_floats,
                      free.begin() + static_cast<std::ptrdiff_t>(kept * image_floats));
        ++kept;
        indices.push_back(next_ + i);
      }
      next_ += count;
    }
    return indices;
  }

 private:
  /// One message per image, empty where it went well.
  std::vector<std::string> decode(std::span<float> pixels, size_t image_floats, size_t count) {
    std::vector<std::string> errors(count);
    team_.parallel_for(static_cast<int64_t>(count), [&](int64_t i, int) {
      const auto slot = static_cast<size_t>(i);
      try {
        preprocess(load_image(images_[next_ + slot].path, hooks_.limits), preprocessing_,
                   pixels.subspan(slot * image_floats, image_floats));
      } catch (const std::exception& error) {
        errors[slot] = error.what();
      }
    });
    return errors;
  }

  Preprocessing preprocessing_;
  std::span<const LabelledImage> images_;
  ThreadTeam team_;
  const EvaluationHooks& hooks_;
  size_t next_ = 0;
  int64_t failed_ = 0;
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
  BatchReader reader(preprocessing, images, session.threads(), hooks);
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
