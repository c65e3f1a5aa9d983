#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "backends/backend.h"
#include "cli/eval/images.h"
#include "cli/eval/report.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing_options.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/log.h"
#include "eval/evaluation.h"

namespace vitro::cli {
namespace {

/// `limit` images at equal distances, so that all classes are met.
void keep_evenly(std::vector<LabelledImage>& images, int64_t limit) {
  const size_t total = images.size();
  if (limit == 0 || static_cast<size_t>(limit) >= total) return;
  const auto kept = static_cast<size_t>(limit);
  for (size_t i = 0; i < kept; ++i) images[i] = images[i * total / kept];
  images.resize(kept);
}

/// The name of a backend, or another model.
std::optional<Session> open_reference(const EvalOptions& options, const Plan& plan) {
  if (options.reference.empty()) return std::nullopt;
  SessionOptions session = options.session;
  for (const BackendRow& row : backend_rows()) {
    if (options.reference != row.name) continue;
    session.backend = row.name;
    session.precision = Precision::Default;  // its own
    return Session(plan, session);
  }
  std::error_code ignored;
  if (!std::filesystem::exists(options.reference, ignored))
    fail_hint(ErrorCode::NotFound, "a backend is one of " + backend_names_text(),
              "--reference '{}' is neither a backend nor a file", options.reference);
  BuildOptions build = options.build;
  build.height = build.width = 0;  // it gets tensors, of whatever size
  build.preprocessing = {};
  return Session(open_model(options.reference, build), session);
}

int conclude(const EvalReport& report) {
  const Evaluation& evaluation = report.evaluation;
  if (evaluation.failed > 0) {
    report_error(fmt::format("{} of {} images could not be read", evaluation.failed,
                             evaluation.failed + evaluation.images),
                 {}, error_code_name(ErrorCode::CorruptFile));
    return kRuntimeError;
  }
  const std::vector<std::string> failed = report.failed_gates();
  for (const std::string& gate : failed) report_error(printable_line(gate), {}, kGateCode);
  return failed.empty() ? kSuccess : kGateFailed;
}

void warn_of_results(const Evaluation& evaluation, const Classifier& classifier,
                     std::vector<std::string>& warnings) {
  if (evaluation.not_finite > 0)
    warnings.push_back(
        fmt::format("{} images have logits that are not all finite; they count as wrong",
                    evaluation.not_finite));
  if (is_surely_wrong(evaluation, classifier.num_classes))
    warnings.push_back(fmt::format(
        "top-1 is no better than chance, while the model is {:.0f} % sure of its answers: the "
        "classes may stand in another order (--classes, --class-order), or pictures be prepared in "
        "another way (vitro inspect) than the model was trained with",
        100 * evaluation.mean_probability()));
}

int run_eval(EvalOptions options) {
  const Plan plan = open_model(options);
  warn_of_guess(plan);
  EvalImages images = read_images(options, plan);
  for (const std::string& warning : images.warnings) log_warning("{}", printable_line(warning));
  keep_evenly(images.folder.images, options.limit);
  if (!options.predictions.empty())
    check_writable(options.predictions,
                   {options.model, options.classes, options.ground_truth, options.reference});

  const Session session(plan, options.session);
  const auto total = static_cast<int64_t>(images.folder.images.size());
  options.batch = std::min(options.batch, total);
  const Dims dims = picture_dims(plan, options.batch);
  prepare_checked(session, {&dims, 1});
  const std::optional<Session> reference = open_reference(options, plan);
  const Size size{plan.classifier().preprocessing.height, plan.classifier().preprocessing.width};
  if (reference)
    prepare_beside(fmt::format("reference '{}'", options.reference), *reference,
                   input_dims(reference->plan(), options.batch, size),
                   "the reference gets the tensors of the model: --batch and --size change them");

  Progress progress("eval", "images", total, options.quiet);
  const Evaluation evaluation =
      evaluate(session, reference ? &*reference : nullptr, images.folder.images, options.batch,
               {.on_progress = [&](int64_t done) { progress.update(done); },
                .on_failure =
                    [&](const std::string& message) {
                      progress.clear();
                      report_error(message, {}, error_code_name(ErrorCode::CorruptFile));
                    },
                .limits = options.limits});
  progress.clear();
  check(evaluation.images > 0, ErrorCode::CorruptFile, "'{}': none of {} images could be read",
        options.folder, evaluation.failed);
  std::vector<std::string> warnings;
  warn_of_results(evaluation, plan.classifier(), warnings);
  for (const std::string& warning : warnings) log_warning("{}", warning);
  images.warnings.insert(images.warnings.end(), warnings.begin(), warnings.end());
  const EvalReport report{options, session, images, evaluation};
  if (!options.predictions.empty()) write_predictions(report);
  if (options.json)
    print_json(report_json(report));
  else
    write_stdout(report_text(report));
  return conclude(report);
}

CLI::Validator order_or_file() {
  return CLI::Validator(
      [](std::string& text) {
        std::error_code ignored;
        if (text == "natural" || text == "text" || std::filesystem::exists(text, ignored))
          return std::string();
        return fmt::format(
            "got '{}', expected text, natural or the file of a class list, and there is no such "
            "file",
            text);
      },
      "ORDER");
}

void add_class_order(CLI::App& verb, EvalOptions& options) {
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
      ->check(order_or_file())
      ->excludes("--classes")
      ->excludes("--ground-truth")
      ->group(kModelGroup);
}

}  // namespace

Action add_eval(CLI::App& verb) {
  auto options = std::make_shared<EvalOptions>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  add_preprocessing_options(verb, options->build);
  verb.add_option("IMAGE_FOLDER", options->folder,
                  "Images in one directory per class, or in one folder with --ground-truth")
      ->option_text("IMAGE_FOLDER")
      ->required();
  verb.add_option("--classes,--labels", options->classes,
                  "Class of each output, in order: lines of 'name' or 'id<TAB>name', JSON and more "
                  "(docs/cli.md); default: the model's, else the directories")
      ->option_text("FILE")
      ->group(kModelGroup);
  verb.add_option("--ground-truth", options->ground_truth,
                  "Classes of pictures in one folder: lines of 'file class', or a number a line in "
                  "the order of the files")
      ->option_text("FILE")
      ->group(kModelGroup);
  add_class_order(verb, *options);
  add_picture_options(verb, options->limits);
  verb.add_option("-b,--batch,--batch-size", options->batch, "Images in one run; default: 8")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--limit", options->limit, "Evaluate only N images, evenly spread")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  add_execution_options(verb, *options);
  CLI::Option* reference =
      verb.add_option("--reference", options->reference,
                      "Backend or model to compare with: agreement, drop of top-1 and logit error");
  reference->option_text("BACKEND|MODEL")->group(kOutputGroup);
  verb.add_option_function<std::string>(
          "--min-top1", [options](const std::string& text) { options->min_top1 = std::stod(text); },
          "Exit with 3 when top-1 is below this percentage, e.g. 65 or 65%")
      ->option_text("PERCENT")
      ->check(percentage())
      ->group(kOutputGroup);
  verb.add_option("--max-drop", options->max_drop,
                  "Exit with 3 when top-1 is more than so many points below that of --reference")
      ->option_text("POINTS")
      ->check(number_between(0, 100))
      ->needs(reference)
      ->group(kOutputGroup);
  verb.add_option("--predictions", options->predictions,
                  "CSV to write: path,label,prediction,probability")
      ->option_text("FILE")
      ->group(kOutputGroup);
  add_output_options(verb, *options);
  return [options] { return run_eval(*options); };
}

}  // namespace vitro::cli
