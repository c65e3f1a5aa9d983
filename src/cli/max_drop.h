#pragma once

#include "calibration/precision_search.h"
#include "cli/eval/images.h"
#include "cli/quantization_options.h"
#include "eval/reference_answers.h"
#include "passes/quantization.h"

namespace vitro::cli {

/// The evaluations behind `build --max-drop`, on the cpu backend: others need not round the inputs
/// of all products.
class MaxDrop {
 public:
  /// Builds the model in float and finds the pictures. Throws what these throw.
  MaxDrop(const std::string& model, BuildOptions build, const QuantizationOptions& options,
          bool quiet);

  /// Chooses which products of `record` are in 8 bits, see search_precisions(); Ctrl-C stops it.
  /// Throws CorruptFile when none of the pictures can be read.
  SearchResult search(const Quantization& codes, QuantizationRecord& record);

 private:
  const std::vector<LabelledImage>& images() const { return images_.folder.images; }
  Session quantized(const Quantization& codes, const QuantizationRecord& record) const;
  std::optional<Evaluation> evaluated(const Session& session, const std::string& label,
                                      bool tells_failures) const;
  std::optional<PrecisionPoint> point(const Quantization& codes,
                                      const QuantizationRecord& record) const;
  std::vector<LabelledImage> some_images() const;

  std::string model_;
  BuildOptions build_;
  QuantizationOptions options_;
  bool quiet_;
  Session reference_;
  EvalImages images_;
  Evaluation expected_;  ///< of the reference
};

}  // namespace vitro::cli
