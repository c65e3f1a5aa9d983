#include "calibration/calibrate.h"

#include <cmath>

#include "calibration/picture_pass.h"
#include "calibration/row_products.h"
#include "calibration/unfused.h"
#include "core/check.h"
#include "frontend/checkpoint/settings.h"
#include "runtime/internals.h"

namespace vitro {
namespace {

FoundProducts products_of(const PlanData& plan) {
  FoundProducts found = find_products(plan.graph);
  check(!found.products.empty(), ErrorCode::Unsupported,
        "'{}' has no linear or convolution with constant weights to calibrate", plan.info.source);
  return found;
}

Range range_of(CalibrationMethod method, const TensorStatistics& statistics) {
  switch (method) {
    case CalibrationMethod::MinMax:
      return minmax_range(statistics);
    case CalibrationMethod::Percentile:
      return percentile_range(statistics);
    case CalibrationMethod::Mse:
      return mse_range(statistics);
    default: {  // symmetric
      const double threshold = entropy_threshold(statistics.histogram());
      return {-threshold, threshold};
    }
  }
}

InputQuantization codes_of(CalibrationMethod method, const Range& range, size_t channels,
                           bool exact_zero) {
  if (method == CalibrationMethod::Entropy) return symmetric_codes(range.high, channels);
  return affine_codes(range, channels, exact_zero);
}

/// What one method chooses for the input of a product.
class Chooser {
 public:
  Chooser(const CalibratedProduct& product, const Graph& graph, const ProductInput& input,
          const MultiplyRows& multiply)
      : product_(product),
        input_(input),
        multiply_(multiply),
        channels_(input.statistics.channels()),
        weights_(weights_of(graph, product)) {}

  ChosenRange operator()(CalibrationMethod method, std::optional<bool> smoothing) const {
    ChosenRange result;
    result.method = method;
    const bool smooths = smoothing.value_or(method == CalibrationMethod::OutputMse);
    if (method == CalibrationMethod::OutputMse) {
      take(choose_by_output(sample(), channels_, mse_range(input_.statistics), multiply_, smooths),
           result);
      return result;
    }
    const Range range = range_of(method, input_.statistics);
    result.codes = codes_of(method, range, channels_.size(), product_.padded);
    result.clipped = clipped_share(input_.statistics, range);
    if (smooths) smooth(method, result);
    return result;
  }

 private:
  ProductSample sample() const {
    return {input_.sample.rows(), weights_, static_cast<size_t>(product_.depth), product_.padded};
  }

  void take(OutputChoice choice, ChosenRange& result) const {
    result.codes = std::move(choice.codes);
    result.alpha = choice.alpha;
    if (std::isfinite(choice.nmse)) result.nmse = choice.nmse;
    result.clipped = clipped_share(input_.sample.rows(), result.codes);
  }

  void smooth(CalibrationMethod method, ChosenRange& result) const {
    ThreadTeam alone(1);
    const auto smoothed = [&](std::span<const float> rows, const Range& whole) {
      if (method == CalibrationMethod::MinMax)
        return codes_of(method, whole, channels_.size(), product_.padded);
      TensorStatistics statistics(product_.depth);
      statistics.add(rows, alone);
      return codes_of(method, range_of(method, statistics), channels_.size(), product_.padded);
    };
    OutputChoice choice = smooth_by_output(sample(), channels_, result.codes, smoothed, multiply_);
    if (choice.alpha > 0) return take(std::move(choice), result);
    result.alpha = 0;
    if (std::isfinite(choice.nmse)) result.nmse = choice.nmse;
  }

  const CalibratedProduct& product_;
  const ProductInput& input_;
  const MultiplyRows& multiply_;
  std::vector<TensorStatistics::Channel> channels_;
  std::vector<float> weights_;
};

CalibratedInput calibrated(const CalibratedProduct& product, const ProductInput& input) {
  const TensorStatistics& statistics = input.statistics;
  CalibratedInput result;
  result.product = product.name;
  result.input_names = product.input_names;
  result.channels = product.channels;
  result.rows = statistics.rows();
  result.not_finite = statistics.not_finite();
  result.min = statistics.min();
  result.max = statistics.max();
  for (const auto& channel : statistics.channels())
    result.means.push_back(static_cast<float>(channel.mean));
  result.histogram = summary_of(statistics);
  return result;
}

}  // namespace

std::optional<Calibration> calibrate(const std::filesystem::path& model, const BuildOptions& build,
                                     CalibrationImages pictures, const CalibrateOptions& options) {
  const std::shared_ptr<const PlanData> plan = unfused_plan(model, build);
  const Classifier& classifier = Internals::plan(plan).classifier();  // throws when there is none
  const FoundProducts found = products_of(*plan);
  Calibration result;
  result.notes = plan->info.notes;
  if (const auto guess = guess_note(classifier)) result.notes.push_back(*guess);
  if (static_cast<int64_t>(pictures.images.size()) > options.max_images) {
    result.notes.push_back(fmt::format("{} of {} pictures were taken, evenly spread",
                                       options.max_images, pictures.images.size()));
    keep_evenly(pictures, options.max_images);
  }
  const std::string from = pictures.from.string();
  const int threads = options.threads > 0 ? options.threads : available_cores();
  PicturePass pass(plan, found.products, std::move(pictures), options, threads);
  if (!pass.run()) return std::nullopt;
  check(pass.images() > 0, ErrorCode::CorruptFile, "'{}': none of the pictures could be read",
        from);

  RowProducts products(find_backend(kCalibrationBackend), threads);
  const MultiplyRows multiply = std::ref(products);
  for (size_t p = 0; p < found.products.size(); ++p) {
    if (options.stop()) return std::nullopt;
    const ProductInput& input = pass.collector().input(p);
    result.inputs.push_back(calibrated(found.products[p], input));
    const Chooser choose(found.products[p], plan->graph, input, multiply);
    for (CalibrationMethod method : options.methods)
      result.inputs.back().ranges.push_back(choose(method, options.smoothing));
  }
  result.source = plan->info.source;
  result.model_hash = model_hash(plan->info, plan->weights);
  result.image_hash = pass.image_hash();
  result.images = pass.images();
  result.preprocessing = preprocessing_id(classifier.preprocessing);
  for (const auto& notes : {pass.notes(), notes_of_inputs(result.inputs), found.left_out})
    result.notes.insert(result.notes.end(), notes.begin(), notes.end());
  return result;
}

}  // namespace vitro
