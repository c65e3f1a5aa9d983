#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/compare/report.h"
#include "cli/model.h"
#include "cli/npy_input.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/convert.h"
#include "core/error_norms.h"
#include "core/log.h"
#include "eval/prediction.h"
#include "measure/synthetic_input.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/model_input.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

struct CompareArguments : CommonOptions {
  std::string model_b;
  std::string backend_b;
  int threads_b = 0;  ///< 0: those of A
  std::string precision_b;
  std::string input;
  std::optional<int64_t> batch;
  std::string size;
  std::optional<double> bound;
  bool no_latency = false;
  int64_t rounds = 10;
  double duration = 3;
};

/// What B changes, everything else being that of A.
CommonOptions options_of_b(const CompareArguments& options) {
  CommonOptions b = options;
  if (!options.model_b.empty()) b.model = options.model_b;
  if (!options.backend_b.empty()) {
    b.session.backend = options.backend_b;
    b.session.precision = Precision::Default;  // its own
  }
  if (!options.precision_b.empty()) b.session.precision = *parse_precision(options.precision_b);
  if (options.threads_b != 0) b.session.threads = options.threads_b;
  return b;
}

RunShape comparison_shape(const CompareArguments& options) {
  return {options.batch.value_or(1), parse_size(options.size), {}};
}

Dims comparison_dims(const CompareArguments& options, const Plan& plan) {
  const RunShape at = comparison_shape(options);
  return input_dims(plan, at.batch, at.size);
}

/// A picture, preprocessed as the model of A says.
Tensor picture_input(const CompareArguments& options, const Plan& plan) {
  Preprocessing preprocessing = plan.classifier().preprocessing;
  if (const auto size = parse_size(options.size)) {
    preprocessing.height = static_cast<int>(size->height);
    preprocessing.width = static_cast<int>(size->width);
  }
  Tensor tensor({options.batch.value_or(1), 3, preprocessing.height, preprocessing.width});
  const std::span<float> pixels = tensor.as<float>();
  const size_t image = pixels.size() / static_cast<size_t>(tensor.dims()[0]);
  preprocess(load_image(options.input, options.limits), preprocessing, pixels.first(image));
  for (size_t at = image; at < pixels.size(); at += image)
    std::copy_n(pixels.begin(), image, pixels.begin() + static_cast<std::ptrdiff_t>(at));
  return tensor;
}

Tensor comparison_input(const CompareArguments& options, const Plan& plan) {
  const std::vector<IoInfo> inputs = input_infos(Internals::data(plan).graph);
  const DType dtype = inputs.at(0).dtype;
  if (options.input.empty()) return synthetic_input(comparison_dims(options, plan), dtype);
  if (!options.input.ends_with(".npy")) return input_of(plan, picture_input(options, plan));
  check(inputs.size() == 1, ErrorCode::Unsupported,
        "the model has {} inputs, expected 1 to compare on a file", inputs.size());
  NpyInput input = read_npy_input(options.input, plan, inputs[0]);
  for (const std::string& warning : input.warnings) log_warning("{}", warning);
  return std::move(input.tensor);
}

struct Inputs {
  Tensor a, b;
};

/// The same for both. Where one takes the pixels of pictures and the other pictures of floats, the
/// latter are made of the former.
Inputs comparison_inputs(const CompareArguments& options, const Plan& a, const Plan& b) {
  if (takes_pixels(a) == takes_pixels(b)) {
    const Tensor input = comparison_input(options, a);
    return {input, input};
  }
  const bool a_takes = takes_pixels(a);
  const Tensor pixels = comparison_input(options, a_takes ? a : b);
  const Tensor floats = normalized(pixels, (a_takes ? b : a).classifier().preprocessing);
  return a_takes ? Inputs{pixels, floats} : Inputs{floats, pixels};
}

double rounding_of(Precision precision) {
  if (precision == Precision::BFloat16) return 5e-4;  // one layer of the shipped model: max 0.164
  return precision == Precision::Float32 ? 1e-10 : 4e-6;
}

/// What the coarser arithmetic explains, or weights that one side alone has rounded.
double default_bound(const Session& a, const Session& b) {
  const bool same_weights = weights_dtype(Internals::data(a.plan()).graph) ==
                            weights_dtype(Internals::data(b.plan()).graph);
  return std::max(
      {rounding_of(a.precision()), rounding_of(b.precision()), same_weights ? 0.0 : 2.5e-4});
}

ClassErrors class_errors(const Tensor& a, const Tensor& b) {
  const auto values_a = a.as<float>(), values_b = b.as<float>();
  ClassErrors result;
  const size_t classes = values_a.size() / static_cast<size_t>(a.dims()[0]);
  for (size_t at = 0; at < values_a.size(); at += classes) {
    const auto row_a = values_a.subspan(at, classes);
    const auto row_b = values_b.subspan(at, classes);
    const auto best = static_cast<size_t>(top_indices(row_a, 1).front());
    if (top_indices(row_b, 1).front() == static_cast<int64_t>(best)) ++result.same_class;
    const double difference = std::abs(softmax(row_a)[best] - softmax(row_b)[best]);
    // NaN must not hide behind the maximum.
    if (!(difference <= result.top1_difference)) result.top1_difference = difference;
  }
  return result;
}

std::optional<OutputErrors> output_errors(const LayerErrors& errors, bool classifiers) {
  const Tensor a = converted(errors.output_a, DType::Float32),
               b = converted(errors.output_b, DType::Float32);
  if (a.dims() != b.dims()) return std::nullopt;
  ErrorNorms norms;
  norms.add(a.as<float>(), b.as<float>());
  OutputErrors result{a.dims().empty() ? 1 : a.dims()[0], norms.nmse(), norms.max_error(), {}};
  if (classifiers) result.classes = class_errors(a, b);
  return result;
}

TimedRun timed_run(const Session& session, const Tensor& input, Tensor& output) {
  return [&] {
    const auto start = std::chrono::steady_clock::now();
    session.run({&input.view(), 1}, {&output.view(), 1});
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  };
}

/// The outputs are overwritten: they have the shape that each side needs.
InterleavedResult measure_latency(const CompareArguments& options, const Contender& a,
                                  const Contender& b, const Inputs& inputs, LayerErrors errors) {
  return interleaved(timed_run(a.session, inputs.a, errors.output_a),
                     timed_run(b.session, inputs.b, errors.output_b),
                     {.rounds = options.rounds, .duration = options.duration});
}

Contender open_contender(const char* side, const CommonOptions& options, const Plan& plan,
                         const Dims& dims) {
  Session session(plan, options.session);
  prepare_beside(fmt::format("{}, '{}'", side, options.model), session, dims,
                 "A and B run the same input: --size and --batch change it, --input FILE gives it");
  PlacedProgram program = placed_program(session, dims);
  return {options.model, std::move(session), std::move(program)};
}

int conclude(const Comparison& comparison) {
  if (const LayerError* bad = first_bad_layer(comparison)) {
    report_error(fmt::format("'{}' is the first layer beyond the bound: nmse {:.3g} of {:.3g}, "
                             "max {:.3g} of {:.3g}",
                             bad->source, bad->nmse, comparison.bound.nmse, bad->max_error,
                             comparison.bound.max_error),
                 {}, kGateCode);
    return kGateFailed;
  }
  for (const auto& [side, found] :
       {std::pair{"A", &comparison.errors.a}, {"B", &comparison.errors.b}})
    if (found->steps > 0) {
      report_error(fmt::format("values of {} are not finite, first in '{}'", side, found->first),
                   {}, kGateCode);
      return kGateFailed;
    }
  return kSuccess;
}

int run_compare(const CompareArguments& options) {
  const RunShape at = comparison_shape(options);
  const Plan plan = open_model(options, at);
  const CommonOptions options_b = options_of_b(options);
  const Plan plan_b = options_b.model == options.model ? plan : open_model(options_b, at);
  const Inputs inputs = comparison_inputs(options, plan, plan_b);
  const Contender a = open_contender("A", options, plan, inputs.a.dims());
  const Contender b = open_contender("B", options_b, plan_b, inputs.b.dims());
  const MemoryUse &memory_a = a.program.executable->memory(),
                  &memory_b = b.program.executable->memory();
  // All results of B are kept until A has made them as well.
  check_memory(static_cast<double>(memory_a.arena + memory_b.arena + memory_b.activations),
               inputs.a.dims());
  Comparison comparison;
  comparison.input = options.input.empty() ? "synthetic" : options.input;
  comparison.dims = inputs.a.dims();
  comparison.bound.nmse = options.bound.value_or(default_bound(a.session, b.session));
  comparison.bound.max_error = 10 * std::sqrt(comparison.bound.nmse);
  comparison.ops = match_ops(a.program, b.program);
  comparison.errors = compare_layers(a.session, b.session, inputs.a, inputs.b);
  comparison.outputs = output_errors(comparison.errors, plan.info().classifier.has_value() &&
                                                            plan_b.info().classifier.has_value());
  if (!options.no_latency)
    comparison.latency = measure_latency(options, a, b, inputs, comparison.errors);
  if (options.json)
    print_json(comparison_json(a, b, comparison));
  else
    write_stdout(comparison_text(a, b, comparison));
  return conclude(comparison);
}

void add_latency_options(CLI::App& verb, CompareArguments& options) {
  verb.add_flag("--no-latency", options.no_latency, "Measure no times")->group(kExecutionGroup);
  verb.add_option("--duration", options.duration,
                  "Run both in turn for at least this many seconds; default: 3")
      ->option_text("SECONDS")
      ->check(number_between(0, 86400))
      ->group(kExecutionGroup);
  verb.add_option("--iterations,--niter", options.rounds, "Time each at least N times; default: 10")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
}

}  // namespace

Action add_compare(CLI::App& verb) {
  auto options = std::make_shared<CompareArguments>();
  add_model_options(verb, *options);
  verb.get_option("MODEL")->description("A: plan, or checkpoint (.safetensors, .pth, .onnx)");
  auto* model_b = verb.add_option("MODEL_B", options->model_b,
                                  "B, by which A is judged; default: the same model")
                      ->option_text("[MODEL_B]");
  add_execution_options(verb, *options);
  auto* backend_b = verb.add_option("--backend-b", options->backend_b, "Of B; default: that of A")
                        ->option_text(verb.get_option("--backend")->get_option_text())
                        ->check(backend_name())
                        ->group(kExecutionGroup);
  auto* threads_b = verb.add_option("--threads-b", options->threads_b, "Of B; default: those of A")
                        ->option_text("N")
                        ->check(thread_count())
                        ->group(kExecutionGroup);
  auto* precision_b = verb.add_option("--precision-b", options->precision_b,
                                      "Of B; default: that of A, or its own with --backend-b")
                          ->option_text("fp32|tf32|fp16|bf16")
                          ->check(precision_text())
                          ->group(kExecutionGroup);
  verb.add_option("-i,--input", options->input,
                  "What both run: preprocessed images (.npy) or a picture; default: synthetic")
      ->option_text("FILE")
      ->group(kExecutionGroup);
  verb.add_option("-b,--batch,--batch-size", options->batch, "Images in one run; default: 1")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--size", options->size,
                  "Input size, for which an .onnx that leaves it open is built; default: that of A")
      ->option_text("N|HxW")
      ->check(size_text())
      ->group(kExecutionGroup);
  add_picture_options(verb, options->limits);
  add_latency_options(verb, *options);
  verb.add_option("--bound", options->bound,
                  "Exit with 3 when the nmse of a layer exceeds this; default: 1e-10, with "
                  "tf32 or fp16 4e-6, with weights of bf16 on one side 2.5e-4, in bf16 5e-4")
      ->option_text("NMSE")
      ->check(number_between(0, 1))
      ->group(kOutputGroup);
  add_output_options(verb, *options);
  verb.callback([options, model_b, backend_b, threads_b, precision_b] {
    if (model_b->empty() && backend_b->empty() && threads_b->empty() && precision_b->empty())
      throw CLI::ValidationError("MODEL_B",
                                 "nothing to compare with: expected another model, "
                                 "--backend-b, --precision-b or --threads-b");
    if (options->input.ends_with(".npy") && (options->batch || !options->size.empty()))
      throw CLI::ValidationError("--input",
                                 "a .npy file has a shape of its own, expected it "
                                 "without --batch and --size");
  });
  return [options] { return run_compare(*options); };
}

}  // namespace vitro::cli
