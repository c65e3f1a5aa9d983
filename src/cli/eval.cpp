#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "backends/backend.h"
#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "eval/evaluation.h"
#include "eval/prediction.h"
#include "measure/statistics.h"

namespace vitro::cli {
namespace {

struct Options : CommonOptions {
  std::string folder;
  std::string classes;
  ClassOrder class_order = ClassOrder::Auto;
  std::string reference;
  std::string predictions;
  std::optional<double> min_top1;  ///< percent
  int64_t limit = 0;               ///< 0: all
  int64_t batch = 8;
};

/// Where the order of the classes comes from: "file", "model", "text" or "natural".
const char* class_order(const Options& options, const Classifier& classifier,
                        const ImageFolder& folder) {
  if (!options.classes.empty()) return "file";
  if (options.class_order == ClassOrder::Auto && !classifier.label_ids.empty()) return "model";
  return folder.order == ClassOrder::Natural ? "natural" : "text";
}

ImageFolder read_folder(const Options& options, const Classifier& classifier) {
  std::vector<std::string> ids;
  if (options.class_order == ClassOrder::Auto) ids = classifier.label_ids;
  if (!options.classes.empty()) ids = read_class_list(options.classes).ids;
  ImageFolder folder = scan_image_folder(options.folder, {ids, {}}, options.class_order);
  if (ids.empty() && options.class_order == ClassOrder::Auto && folder.order == ClassOrder::Text &&
      are_numbers(folder.classes))
    log_warning(
        "the directories have numbers that are not 0 to {}, and are taken in the order of their "
        "text: '{}', '{}', ...; --class-order natural counts",
        folder.classes.size() - 1, folder.classes.front(), folder.classes.back());
  const auto classes = static_cast<int64_t>(folder.classes.size());
  if (classes != classifier.num_classes)
    fail_hint(ErrorCode::InvalidArgument, "--classes FILE gives the class of each output, in order",
              "'{}' has {} classes, the model {}", ids.empty() ? options.folder : options.classes,
              classes, classifier.num_classes);
  return folder;
}

/// `limit` images at equal distances, so that all classes are met.
void keep_evenly(std::vector<LabelledImage>& images, int64_t limit) {
  const size_t total = images.size();
  if (limit == 0 || static_cast<size_t>(limit) >= total) return;
  const auto kept = static_cast<size_t>(limit);
  for (size_t i = 0; i < kept; ++i) images[i] = images[i * total / kept];
  images.resize(kept);
}

/// The name of a backend, or another model.
std::optional<Session> open_reference(const Options& options, const Plan& plan) {
  if (options.reference.empty()) return std::nullopt;
  SessionOptions session = options.session;
  for (const BackendRow& row : backend_rows()) {
    if (options.reference != row.name) continue;
    session.backend = row.name;
    session.precision = Precision::Default;  // its own
    return Session(plan, session);
  }
  return Session(load_or_build(options.reference, options.build), session);
}

/// A bad path must not cost the whole run. The file is closed again, so that an interrupted run
/// leaves nothing behind.
void check_writable(const Options& options) {
  if (options.predictions.empty()) return;
  check_output(options.predictions, {options.model, options.classes, options.reference});
  std::error_code ignored;
  if (std::filesystem::is_other(options.predictions, ignored)) return;  // closing would end a pipe
  const AtomicFile probe(options.predictions);
}

void write_predictions(const std::string& path, const ImageFolder& folder,
                       const Evaluation& evaluation) {
  std::string text = "path,label,prediction,probability\n";
  for (const ImageResult& result : evaluation.results) {
    const LabelledImage& image = folder.images[result.image];
    text += fmt::format("{},{},{},{:.6f}\n", csv_field(image.path.string()),
                        csv_field(folder.classes[static_cast<size_t>(image.label)]),
                        csv_field(folder.classes[static_cast<size_t>(result.prediction)]),
                        result.probability);
  }
  write_file_atomic(path, std::as_bytes(std::span(text)));
}

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

std::string class_order_text(const Options& options, const Session& session,
                             const ImageFolder& folder) {
  const std::string_view order = class_order(options, session.plan().classifier(), folder);
  if (order == "file") return "in the order of " + options.classes;
  if (order == "model") return "in the order of the model's labels";
  return order == "natural" ? "directories in the order of their numbers"
                            : "directories in the order of their names as text";
}

bool passes(const Options& options, const Evaluation& evaluation) {
  return Share(evaluation.top1, evaluation.images).percent >= *options.min_top1;
}

void print_text(const Options& options, const Session& session, const Evaluation& evaluation,
                const ImageFolder& folder) {
  std::string images = std::to_string(evaluation.images);
  if (evaluation.failed > 0) images += fmt::format(" ({} failed)", evaluation.failed);
  std::vector<std::pair<std::string, std::string>> fields{
      {"images", images},
      {"classes",
       fmt::format("{}, {}", folder.classes.size(), class_order_text(options, session, folder))},
      {"top-1", Share(evaluation.top1, evaluation.images).text()},
      {"top-5", Share(evaluation.top5, evaluation.images).text()},
      {"speed", fmt::format("{:.1f} images/s on {}, batch {}", images_per_second(evaluation),
                            execution_text(session), options.batch)}};
  if (folder.passed_over > 0)
    fields.emplace_back("passed over", fmt::format("{} files that are no .jpg, .jpeg, .jpe, .jfif, "
                                                   ".png or .webp",
                                                   folder.passed_over));
  if (const auto& agreement = evaluation.agreement) {
    fields.emplace_back("reference", options.reference);
    fields.emplace_back("agreement", Share(agreement->same_class, evaluation.images).text());
    fields.emplace_back("logit error", fmt::format("nmse {:.3g}, max |x-ref|/rms(ref) {:.3g}",
                                                   agreement->nmse, agreement->max_error));
  }
  if (options.min_top1)
    fields.emplace_back("gate", fmt::format("--min-top1 {:.2f} % {}", *options.min_top1,
                                            passes(options, evaluation) ? "passed" : "failed"));
  write_stdout(fields_text(fields));
}

Json evaluation_json(const Options& options, const Session& session, const Evaluation& evaluation,
                     const ImageFolder& folder) {
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
            {"passed_over", folder.passed_over},
            {"class_order", class_order(options, session.plan().classifier(), folder)},
            {"top1", top1.percent},
            {"top1_interval", top1.interval()},
            {"top5", top5.percent},
            {"top5_interval", top5.interval()},
            {"images_per_s", images_per_second(evaluation)},
            {"inference_ms_per_image",
             1000 * evaluation.inference_seconds / static_cast<double>(evaluation.images)}};
  if (const auto& agreement = evaluation.agreement) {
    const Share same(agreement->same_class, evaluation.images);
    json["reference"] = {{"name", options.reference},
                         {"agreement", same.percent},
                         {"agreement_interval", same.interval()},
                         {"nmse", agreement->nmse},
                         {"max_error", agreement->max_error}};
  }
  if (options.min_top1)
    json["gate"] = {{"min_top1", *options.min_top1}, {"passed", passes(options, evaluation)}};
  return json;
}

int conclude(const Options& options, const Evaluation& evaluation) {
  if (evaluation.failed > 0) {
    report_error(fmt::format("{} of {} images could not be read", evaluation.failed,
                             evaluation.failed + evaluation.images));
    return kRuntimeError;
  }
  if (!options.min_top1 || passes(options, evaluation)) return kSuccess;
  report_error(fmt::format("top-1 is {:.2f} %, below the {:.2f} % of --min-top1",
                           Share(evaluation.top1, evaluation.images).percent, *options.min_top1));
  return kGateFailed;
}

int run_eval(Options options) {
  const Plan plan = open_model(options);
  ImageFolder folder = read_folder(options, plan.classifier());
  keep_evenly(folder.images, options.limit);
  check_writable(options);

  const Session session(plan, options.session);
  const auto total = static_cast<int64_t>(folder.images.size());
  options.batch = std::min(options.batch, total);
  const Dims dims = input_dims(plan, options.batch, std::nullopt);
  prepare_checked(session, dims);
  const std::optional<Session> reference = open_reference(options, plan);
  if (reference) prepare_checked(*reference, dims);

  Progress progress("eval", "images", total, options.quiet);
  const Evaluation evaluation =
      evaluate(session, reference ? &*reference : nullptr, folder.images, options.batch,
               {.on_progress = [&](int64_t done) { progress.update(done); },
                .on_failure =
                    [&](const std::string& message) {
                      progress.clear();
                      report_error(message);
                    }});
  progress.clear();
  check(evaluation.images > 0, ErrorCode::CorruptFile, "'{}': none of {} images could be read",
        options.folder, evaluation.failed);
  if (!options.predictions.empty()) write_predictions(options.predictions, folder, evaluation);
  if (evaluation.not_finite > 0)
    log_warning("{} images have logits that are not all finite; they count as wrong",
                evaluation.not_finite);
  if (options.json)
    print_json(evaluation_json(options, session, evaluation, folder));
  else
    print_text(options, session, evaluation, folder);
  return conclude(options, evaluation);
}

void add_class_order(CLI::App& verb, Options& options) {
  verb.add_option_function<std::string>(
          "--class-order",
          [&options](const std::string& text) {
            options.class_order = text == "natural" ? ClassOrder::Natural
                                  : text == "text"  ? ClassOrder::Text
                                                    : ClassOrder::Auto;
            if (options.class_order == ClassOrder::Auto) options.classes = text;
          },
          "Which output is which directory: their names as text (0, 1, 10, 2: torchvision), with "
          "numbers counted (0, 1, 2, 10: timm), or a class list; default: the model's labels, else "
          "counted when the names are the numbers from 0 on, else text")
      ->option_text("text|natural|FILE")
      ->excludes("--classes")
      ->group(kModelGroup);
}

}  // namespace

Action add_eval(CLI::App& verb) {
  auto options = std::make_shared<Options>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  verb.add_option("IMAGE_FOLDER", options->folder, "Images in one directory per class")
      ->option_text("IMAGE_FOLDER")
      ->required();
  verb.add_option(
          "--classes", options->classes,
          "Class list, one directory name per line; default: the model's, else the directories")
      ->option_text("FILE")
      ->group(kModelGroup);
  add_class_order(verb, *options);
  verb.add_option("--batch", options->batch, "Images in one run; default: 8")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--limit", options->limit, "Evaluate only N images, evenly spread")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  add_execution_options(verb, *options);
  verb.add_option("--reference", options->reference,
                  "Backend or model to compare with: argmax agreement and logit error")
      ->option_text("BACKEND|MODEL")
      ->group(kOutputGroup);
  verb.add_option_function<std::string>(
          "--min-top1", [options](const std::string& text) { options->min_top1 = std::stod(text); },
          "Exit with 3 when top-1 is below this percentage, e.g. 65 or 65%")
      ->option_text("PERCENT")
      ->check(percentage())
      ->group(kOutputGroup);
  verb.add_option("--predictions", options->predictions,
                  "CSV to write: path,label,prediction,probability")
      ->option_text("FILE")
      ->group(kOutputGroup);
  add_output_options(verb, *options);
  return [options] { return run_eval(*options); };
}

}  // namespace vitro::cli
