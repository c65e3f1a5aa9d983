#pragma once

#include <span>
#include <vector>

#include "eval/evaluation.h"

namespace vitro {

/// What a model says of some images, which are kept as the model reads them, so that others can be
/// compared with it again and again.
class ReferenceAnswers {
 public:
  /// Of the hooks those of failures, limits and the stop are used. Throws what evaluate() throws.
  ReferenceAnswers(const Session& session, std::span<const LabelledImage> images, int64_t batch,
                   const EvaluationHooks& hooks);

  int64_t images() const { return images_; }
  /// Mean KL divergence of another model's answers from them, see mean_divergence(). NaN without
  /// images.
  double divergence(const Session& session) const;

 private:
  struct Batch {
    Tensor images, logits;
  };
  std::vector<Batch> batches_;
  int64_t images_ = 0;
};

}  // namespace vitro
