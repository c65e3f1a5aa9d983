#include "eval/reference_answers.h"

#include "core/check.h"
#include "core/thread_team.h"
#include "image/batch_reader.h"
#include "runtime/model_input.h"

namespace vitro {

ReferenceAnswers::ReferenceAnswers(const Session& session, std::span<const LabelledImage> images,
                                   int64_t batch, const EvaluationHooks& hooks) {
  const Preprocessing& preprocessing = session.plan().classifier().preprocessing;
  ThreadTeam team(session.threads());
  BatchReader reader(preprocessing, images, team, {hooks.limits, hooks.on_failure});
  while (!hooks.stop()) {
    const auto left = static_cast<int64_t>(images.size() - reader.next());
    if (left == 0) return;
    Tensor pixels({std::min(batch, left), 3, preprocessing.height, preprocessing.width});
    const auto read = static_cast<int64_t>(
        reader.read(pixels.as<float>(), static_cast<size_t>(pixels.dims()[0])).size());
    if (read == 0) return;
    TensorView view = pixels.view();
    view.dims[0] = read;
    Tensor part(std::move(view), std::make_shared<Tensor>(pixels));
    Tensor logits = run_on_floats(session, part);
    batches_.push_back({std::move(part), std::move(logits)});
    images_ += read;
  }
}

double ReferenceAnswers::divergence(const Session& session) const {
  double sum = 0;
  for (const auto& [images, expected] : batches_) {
    const Tensor logits = run_on_floats(session, images);
    check(logits.dims() == expected.dims(), ErrorCode::InvalidArgument,
          "the model gives {} logits, the reference {}", to_string(logits.dims()),
          to_string(expected.dims()));
    const auto rows = static_cast<size_t>(images.dims()[0]);
    sum += mean_divergence(logits.as<float>(), expected.as<float>(),
                           logits.as<float>().size() / rows) *
           static_cast<double>(rows);
  }
  return sum / static_cast<double>(images_);
}

}  // namespace vitro
