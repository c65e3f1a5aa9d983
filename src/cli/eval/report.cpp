#include "cli/eval/report.h"

#include <nlohmann/json.hpp>

#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/table.h"
#include "core/file_io.h"
#include "image/names.h"
#include "image/picture_files.h"
#include "measure/statistics.h"

namespace vitro::cli {
namespace {

/// A proportion with its 95 % interval, in percent.
struct Share {
  double percent, low, high;

  Share(int64_t part, int64_t total)
      : percent(100.0 * static_cast<double>(part) / static_cast<double>(total)) {
    const Interval interval = wilson_interval(part, total);
    low = 100 * interval.low;
    high = 100 * interval.high;
  }
  std::string text() const {
    return fmt::format("{:6.2f} %  (95 % interval {:.2f} to {:.2f})", percent, low, high);
  }
  Json interval() const { return {low, high}; }
};

double images_per_second(const Evaluation& evaluation) {
  return static_cast<double>(evaluation.images) / evaluation.seconds;
}

std::string class_order_text(const EvalReport& report) {
  const std::string& order = report.images.order;
  if (order == "file") return "in the order of " + printable_line(report.options.classes);
  if (order == "model") return "in the order of the model's labels";
  if (order == "numbers") return "by the numbers of " + printable_line(report.options.ground_truth);
  return order == "natural" ? "directories in the order of their numbers"
                            : "directories in the order of their names as text";
}

std::string preprocessing_line(const Preprocessing& pre) {
  return fmt::format("{}x{}, {}, crop {} {:g}", pre.height, pre.width,
                     name_in(kInterpolations, pre.interpolation),
                     name_in(kCropModes, pre.crop_mode), pre.crop_pct);
}

}  // namespace

double EvalReport::top1_percent() const {
  return Share(evaluation.top1, evaluation.images).percent;
}

PairedDifference EvalReport::drop() const {
  const Agreement& agreement = *evaluation.agreement;
  return paired_points(agreement.only_reference, agreement.only_model, evaluation.images);
}

bool EvalReport::reaches_min_top1() const { return top1_percent() >= *options.min_top1; }

bool EvalReport::keeps_max_drop() const { return is_at_most(drop(), *options.max_drop); }

std::vector<std::string> EvalReport::failed_gates() const {
  std::vector<std::string> failed;
  if (options.min_top1 && !reaches_min_top1())
    failed.push_back(fmt::format("top-1 is {:.2f} %, below the {:.2f} % of --min-top1",
                                 top1_percent(), *options.min_top1));
  if (options.max_drop && !keeps_max_drop())
    failed.push_back(
        fmt::format("top-1 is {:.2f} points below that of '{}', more than the {:g} of "
                    "--max-drop",
                    drop().value, options.reference, *options.max_drop));
  return failed;
}

std::string report_text(const EvalReport& report) {
  const auto& [options, session, images, evaluation] = report;
  std::string count = std::to_string(evaluation.images);
  if (evaluation.failed > 0) count += fmt::format(" ({} failed)", evaluation.failed);
  std::vector<std::pair<std::string, std::string>> fields{
      {"images", count},
      {"classes", fmt::format("{}, {}", images.folder.classes.size(), class_order_text(report))},
      {"top-1", Share(evaluation.top1, evaluation.images).text()},
      {"top-5", Share(evaluation.top5, evaluation.images).text()},
      {"preprocessing", preprocessing_line(session.plan().classifier().preprocessing)},
      {"speed", fmt::format("{:.1f} images/s on {}, batch {}", images_per_second(evaluation),
                            execution_text(session), options.batch)}};
  if (images.folder.passed_over > 0)
    fields.emplace_back("passed over", fmt::format("{} files that are no {}",
                                                   images.folder.passed_over, kPictureEndings));
  if (const auto& agreement = evaluation.agreement) {
    fields.emplace_back("reference", options.reference);
    fields.emplace_back("agreement", Share(agreement->same_class, evaluation.images).text());
    const PairedDifference drop = report.drop();
    fields.emplace_back("drop of top-1",
                        fmt::format("{:6.2f} points  (95 % interval {:.2f} to {:.2f}, paired)",
                                    drop.value, drop.interval.low, drop.interval.high));
    fields.emplace_back(
        "logit error",
        fmt::format("nmse {:.3g} ({:.1f} dB), max |x-ref|/rms(ref) {:.3g}, KL {:.3g}",
                    agreement->nmse, agreement->sqnr_db(), agreement->max_error,
                    agreement->kl_divergence));
  }
  const auto verdict = [](bool passes) { return passes ? "passed" : "failed"; };
  if (options.min_top1)
    fields.emplace_back("gate", fmt::format("--min-top1 {:.2f} % {}", *options.min_top1,
                                            verdict(report.reaches_min_top1())));
  if (options.max_drop)
    fields.emplace_back("gate", fmt::format("--max-drop {:g} {}", *options.max_drop,
                                            verdict(report.keeps_max_drop())));
  return fields_text(fields);
}

Json report_json(const EvalReport& report) {
  const auto& [options, session, images, evaluation] = report;
  const PlanInfo& info = session.plan().info();
  const Share top1(evaluation.top1, evaluation.images);
  const Share top5(evaluation.top5, evaluation.images);
  Json json{{"model", options.model},
            {"folder", options.folder},
            {"backend", session.backend()},
            {"precision", precision_name(session)},
            {"threads", session.threads()},
            {"batch", options.batch},
            {"images", evaluation.images},
            {"failed", evaluation.failed},
            {"passed_over", images.folder.passed_over},
            {"class_order", images.order},
            {"top1", top1.percent},
            {"top1_interval", top1.interval()},
            {"top5", top5.percent},
            {"top5_interval", top5.interval()},
            {"mean_probability", evaluation.mean_probability()},
            {"images_per_s", images_per_second(evaluation)},
            {"inference_ms_per_image",
             1000 * evaluation.inference_seconds / static_cast<double>(evaluation.images)}};
  if (const auto& agreement = evaluation.agreement) {
    const Share same(agreement->same_class, evaluation.images);
    json["reference"] = {
        {"name", options.reference},
        {"agreement", same.percent},
        {"agreement_interval", same.interval()},
        {"nmse", agreement->nmse},
        {"sqnr_db", agreement->sqnr_db()},
        {"max_error", agreement->max_error},
        {"kl_divergence", agreement->kl_divergence},
        {"top1", Share(agreement->reference_top1, evaluation.images).percent},
        {"drop", report.drop().value},
        {"drop_interval", {report.drop().interval.low, report.drop().interval.high}}};
  }
  json.update({{"preprocessing", preprocessing_json(info.classifier->preprocessing)},
               {"origins", info.classifier->origins},
               {"notes", plan_notes(session.plan())},
               {"warnings", images.warnings}});
  if (options.min_top1 || options.max_drop) {
    Json& gate = json["gate"];
    if (options.min_top1) gate["min_top1"] = *options.min_top1;
    if (options.max_drop) gate["max_drop"] = *options.max_drop;
    gate["passed"] = report.failed_gates().empty();
  }
  return json;
}

void write_predictions(const EvalReport& report) {
  const ImageFolder& folder = report.images.folder;
  std::string text = "path,label,prediction,probability\n";
  for (const ImageResult& result : report.evaluation.results) {
    const LabelledImage& image = folder.images[result.image];
    text += fmt::format("{},{},{},{:.6f}\n", csv_field(image.path.string()),
                        csv_field(folder.classes[static_cast<size_t>(image.label)]),
                        csv_field(folder.classes[static_cast<size_t>(result.prediction)]),
                        result.probability);
  }
  write_file_atomic(report.options.predictions, std::as_bytes(std::span(text)));
}

}  // namespace vitro::cli
