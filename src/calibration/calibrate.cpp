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

/// What one method chooses for the input of a product.
ChosenRange chosen(CalibrationMethod method, const CalibratedProduct& product, const Graph& graph,
                   const ProductInput& input, const MultiplyRows& multiply) {
  const TensorStatistics& statistics = input.statistics;
  const size_t channels = statistics.num_channels();
  ChosenRange result;
  result.method = method;
  Range range;
  switch (method) {
    case CalibrationMethod::MinMax:
      range = minmax_range(statistics);
      break;
    case CalibrationMethod::Percentile:
      range = percentile_range(statistics);
      break;
    case CalibrationMethod::Mse:
      range = mse_range(statistics);
      break;
    case CalibrationMethod::Entropy: {
      const double threshold = entropy_threshold(statistics.histogram());
      result.codes = symmetric_codes(threshold, channels);
      result.clipped = clipped_share(statistics, {-threshold, threshold});
      return result;
    }
    case CalibrationMethod::OutputMse: {
      const std::vector<float> weights = weights_of(graph, product);
      const std::vector<TensorStatistics::Channel> by_channel = statistics.channels();
      OutputChoice choice = choose_by_output(
          {input.sample.rows(), weights, static_cast<size_t>(product.depth), product.padded},
          by_channel, mse_range(statistics), multiply);
      result.codes = std::move(choice.codes);
      result.alpha = choice.alpha;
      if (std::isfinite(choice.nmse)) result.nmse = choice.nmse;
      result.clipped = clipped_share(input.sample.rows(), result.codes);
      return result;
    }
  }
  result.codes = affine_codes(range, channels, product.padded);
  result.clipped = clipped_share(statistics, range);
  return result;
}

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
                                     const std::filesystem::path& images,
                                     const CalibrateOptions& options) {
  const std::shared_ptr<const PlanData> plan = unfused_plan(model, build);
  const Classifier& classifier = Internals::plan(plan).classifier();  // throws when there is none
  const FoundProducts found = products_of(*plan);
  Calibration result;
  result.notes = plan->info.notes;
  if (const auto guess = guess_note(classifier)) result.notes.push_back(*guess);
  CalibrationImages pictures = find_images(images);
  if (static_cast<int64_t>(pictures.images.size()) > options.max_images) {
    result.notes.push_back(fmt::format("{} of {} pictures were taken, evenly spread",
                                       options.max_images, pictures.images.size()));
    keep_evenly(pictures, options.max_images);
  }
  const int threads = options.threads > 0 ? options.threads : available_cores();
  PicturePass pass(plan, found.products, std::move(pictures), options, threads);
  if (!pass.run()) return std::nullopt;
  check(pass.images() > 0, ErrorCode::CorruptFile, "'{}': none of the pictures could be read",
        images.string());

  RowProducts products(find_backend(kCalibrationBackend), threads);
  const MultiplyRows multiply = std::ref(products);
  for (size_t p = 0; p < found.products.size(); ++p) {
    if (options.stop()) return std::nullopt;
    const ProductInput& input = pass.collector().input(p);
    result.inputs.push_back(calibrated(found.products[p], input));
    for (CalibrationMethod method : options.methods)
      result.inputs.back().ranges.push_back(
          chosen(method, found.products[p], plan->graph, input, multiply));
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
