#include "calibration/calibrate.h"

#include <algorithm>
#include <cmath>

#include "calibration/collector.h"
#include "calibration/doctor.h"
#include "calibration/images.h"
#include "calibration/row_products.h"
#include "calibration/unfused.h"
#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "frontend/checkpoint/settings.h"
#include "image/batch_reader.h"
#include "runtime/engine.h"
#include "runtime/internals.h"

namespace vitro {
namespace {

constexpr const char* kBackend = "cpu";

FoundProducts products_of(const PlanData& plan) {
  FoundProducts found = find_products(plan.graph);
  check(!found.products.empty(), ErrorCode::Unsupported,
        "'{}' has no linear or convolution with constant weights to calibrate", plan.info.source);
  return found;
}

/// Runs pictures through a model under the eyes of a collector.
class PictureRun {
 public:
  PictureRun(std::shared_ptr<const PlanData> plan, Collector& collector, int threads)
      : engine_(Internals::plan(std::move(plan)),
                {.backend = kBackend, .threads = threads, .streams = 1}),
        collector_(collector) {}

  void run(const TensorView& pictures) {
    const auto program = engine_.program({&pictures, 1});
    std::vector<Tensor> results;
    std::vector<TensorView> views;
    for (const TensorType& type : program->outputs()) {
      results.emplace_back(type.dtype, type.dims);
      views.push_back(results.back().view());
    }
    collector_.begin(*program, pictures);
    engine_.run({&pictures, 1}, views, {}, &collector_);
    collector_.end();
  }

 private:
  Engine engine_;
  Collector& collector_;
};

/// What the pass over the pictures needs and gathers.
class Pass {
 public:
  Pass(const PlanData& plan, std::span<const CalibratedProduct> products, CalibrationImages images,
       const CalibrateOptions& options, int threads)
      : options_(options),
        images_(std::move(images)),
        team_(threads),
        preprocessing_(plan.info.classifier->preprocessing),
        hashes_(content_hashes(images_.images, team_)),
        collector_(plan.graph, products, team_) {}

  /// False when it was stopped.
  bool run(const std::shared_ptr<const PlanData>& plan) {
    PictureRun run(plan, collector_, team_.size());
    const auto total = static_cast<int64_t>(images_.images.size());
    const int64_t batch = std::min(options_.batch, total);
    Tensor pictures({batch, 3, preprocessing_.height, preprocessing_.width});
    const std::span<float> pixels = pictures.as<float>();
    const size_t size = pixels.size() / static_cast<size_t>(batch);
    BatchReader reader(preprocessing_, images_.images, team_,
                       {options_.limits, options_.on_failure});
    while (!options_.stop()) {
      const std::vector<size_t> indices = reader.read(pixels, static_cast<size_t>(batch));
      if (indices.empty()) return true;
      for (size_t i = 0; i < indices.size(); ++i) {
        pixels_.add(pixels.subspan(i * size, size), images_.images[indices[i]].path.string());
        list_.update(as_byte_span(hashes_[indices[i]]));
      }
      TensorView view = pictures.view();
      view.dims[0] = static_cast<int64_t>(indices.size());
      run.run(view);
      read_ += view.dims[0];
      failed_ = reader.failed();
      options_.on_progress(static_cast<int64_t>(reader.next()), total);
    }
    return false;
  }

  const Collector& collector() const { return collector_; }
  int64_t images() const { return read_; }
  std::string image_hash() const { return list_.digits(); }

  std::vector<std::string> notes(int64_t model_classes) {
    std::vector<std::string> notes = notes_of_classes(images_, model_classes);
    const auto append = [&](std::vector<std::string> more) {
      notes.insert(notes.end(), more.begin(), more.end());
    };
    if (failed_ > 0)
      notes.push_back(
          fmt::format("{} of {} pictures could not be read", failed_, images_.images.size()));
    append(pixels_.notes());
    append(notes_of_copies(images_, hashes_));
    if (options_.evaluation.empty()) return notes;
    const CalibrationImages evaluation = find_images(options_.evaluation);
    append(
        notes_of_overlap(images_, hashes_, evaluation, content_hashes(evaluation.images, team_)));
    return notes;
  }

 private:
  const CalibrateOptions& options_;
  CalibrationImages images_;
  ThreadTeam team_;
  Preprocessing preprocessing_;
  std::vector<std::string> hashes_;
  Collector collector_;
  PixelStatistics pixels_;
  Checksum list_;
  int64_t read_ = 0, failed_ = 0;
};

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
  Pass pass(*plan, found.products, std::move(pictures), options, threads);
  if (!pass.run(plan)) return std::nullopt;
  check(pass.images() > 0, ErrorCode::CorruptFile, "'{}': none of the pictures could be read",
        images.string());

  RowProducts products(find_backend(kBackend), threads);
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
  for (const auto& notes :
       {pass.notes(classifier.num_classes), notes_of_inputs(result.inputs), found.left_out})
    result.notes.insert(result.notes.end(), notes.begin(), notes.end());
  return result;
}

}  // namespace vitro
