#include "cli/max_drop.h"

#include "cli/interrupt.h"
#include "cli/model.h"
#include "cli/progress.h"
#include "core/check.h"
#include "core/log.h"
#include "runtime/open.h"

namespace vitro::cli {
namespace {

constexpr int64_t kBatch = 8;

Session session_of(const Plan& plan) {
  Session session(plan, {.backend = "cpu"});
  const Dims dims = picture_dims(plan, kBatch);
  prepare_checked(session, {&dims, 1});
  return session;
}

/// The plan would be written for each trial.
BuildOptions without_dump(BuildOptions build) {
  build.dump_ir.clear();
  return build;
}

int64_t num_candidates(const QuantizationRecord& record) {
  return std::count_if(
      record.products.begin(), record.products.end(),
      [](const ProductRecord& product) { return product.in_8_bits() && !product.forced; });
}

}  // namespace

MaxDrop::MaxDrop(const std::string& model, BuildOptions build, const QuantizationOptions& options,
                 bool quiet)
    : model_(model),
      build_(without_dump(std::move(build))),
      options_(options),
      quiet_(quiet),
      reference_(session_of(vitro::build(model_, build_))) {
  EvalOptions folder;
  folder.folder = options.evaluation;
  images_ = read_images(folder, reference_.plan());
  for (const std::string& warning : images_.warnings) log_warning("{}", printable_line(warning));
}

Session MaxDrop::quantized(const Quantization& codes, const QuantizationRecord& record) const {
  return session_of(build_quantized(model_, build_, codes, record));
}

std::optional<Evaluation> MaxDrop::evaluated(const Session& session, const std::string& label,
                                             bool tells_failures) const {
  Progress progress(label, "images", static_cast<int64_t>(images().size()), quiet_);
  EvaluationHooks hooks;
  hooks.on_progress = [&](int64_t done) { progress.update(done); };
  hooks.on_failure = [&](const std::string& message) {
    if (!tells_failures) return;
    progress.clear();
    log_warning("{}", printable_line(message));
  };
  hooks.stop = was_interrupted;
  Evaluation evaluation = evaluate(session, nullptr, images(), kBatch, hooks);
  if (was_interrupted()) return std::nullopt;
  check(evaluation.images > 0, ErrorCode::CorruptFile, "'{}': none of {} images could be read",
        options_.evaluation, evaluation.failed);
  return evaluation;
}

std::optional<PrecisionPoint> MaxDrop::point(const Quantization& codes,
                                             const QuantizationRecord& record) const {
  const auto seen = evaluated(quantized(codes, record),
                              fmt::format("{} products in 8 bits", record.num_in_8_bits()), false);
  if (!seen) return std::nullopt;
  const PairedResults pairs = paired_results(*seen, expected_);
  return PrecisionPoint{
      .top1 = seen->top1, .only_model = pairs.only_model, .only_reference = pairs.only_reference};
}

/// Of those that can be read, at equal distances, so that all classes are met.
std::vector<LabelledImage> MaxDrop::some_images() const {
  const size_t total = expected_.results.size(),
               count = std::min(total, static_cast<size_t>(options_.sensitivity_images));
  std::vector<LabelledImage> some;
  for (size_t i = 0; i < count; ++i)
    some.push_back(images()[expected_.results[i * total / count].image]);
  return some;
}

SearchResult MaxDrop::search(const Quantization& codes, QuantizationRecord& record) {
  auto expected = evaluated(reference_, "float32", true);
  if (!expected) return SearchResult::Stopped;
  expected_ = std::move(*expected);
  record.search = PrecisionSearch{*options_.max_drop, expected_.images, 0, {}, 0};

  std::optional<ReferenceAnswers> answers;
  std::optional<Progress> progress;  // of the sensitivity, whose time begins with it
  const int64_t candidates = num_candidates(record);
  int64_t measured = 0;
  PrecisionTrials trials;
  trials.evaluate = [&](const QuantizationRecord& trial) {
    progress.reset();
    return point(codes, trial);
  };
  trials.divergence = [&](const QuantizationRecord& alone) -> std::optional<double> {
    if (!answers) {
      const std::vector<LabelledImage> images = some_images();
      EvaluationHooks hooks;
      hooks.on_failure = [](const std::string&) {};  // they were read before
      hooks.stop = was_interrupted;
      progress.emplace("sensitivity", "products", candidates, quiet_);
      answers.emplace(reference_, images, kBatch, hooks);
    }
    if (was_interrupted()) return std::nullopt;
    const double divergence = answers->divergence(quantized(codes, alone));
    progress->update(++measured);
    return divergence;
  };
  const SearchResult result = search_precisions(record, trials);
  if (answers) record.search->sensitivity_images = answers->images();
  return result;
}

}  // namespace vitro::cli
