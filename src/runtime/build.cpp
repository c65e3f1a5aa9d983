#include "vitro/build.h"

#include "core/check.h"
#include "frontend/checkpoint/checkpoint.h"
#include "frontend/onnx/import.h"
#include "passes/pipeline.h"
#include "runtime/evaluate.h"
#include "runtime/input_shapes.h"
#include "runtime/internals.h"
#include "runtime/model_input.h"
#include "runtime/open.h"
#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

ClassifierChoices choices_of(const BuildOptions& options) {
  ClassifierChoices choices{options.height, options.width, options.preprocessing, options.labels};
  // The usual shape of pictures is their size.
  if (options.height == 0 && options.width == 0 && options.input_shapes.size() == 1) {
    const Dims usual = completed(options.input_shapes.begin()->second).opt;
    if (usual.size() == 4) {
      choices.height = usual[2];
      choices.width = usual[3];
    }
  }
  return choices;
}

/// The plan with other preprocessing and labels; its graph runs every size that its strides divide.
OpenedModel with_choices(const Plan& plan, const ClassifierChoices& choices) {
  auto data = std::make_shared<PlanData>(Internals::data(plan));
  plan.classifier();  // throws when there is none
  const bool normalises = choices.preprocessing.mean || choices.preprocessing.std;
  if (normalises && takes_pixels(plan))
    fail_hint(ErrorCode::InvalidArgument, "rebuild it with these",
              "the plan of '{}' takes pixels: mean and std are a part of its weights",
              plan.info().source);
  std::vector<std::string> notes;
  apply_choices(*data->info.classifier, choices, notes);
  data->info.notes.insert(data->info.notes.end(), notes.begin(), notes.end());
  return {Internals::plan(std::move(data)), std::move(notes)};
}

ImportedModel read_model(const std::filesystem::path& path, const BuildOptions& options) {
  if (!is_onnx_file(path))
    return import_checkpoint(
        path, {options.arch, options.arch_params, options.weights_key, choices_of(options)});
  check(options.arch.empty() && options.arch_params.empty() && options.weights_key.empty(),
        ErrorCode::InvalidArgument,
        "'{}' is an ONNX model: an architecture, its parameters and a key of weights are for "
        "checkpoints",
        path.string());
  return import_onnx(path, {choices_of(options), evaluate_constants});
}

}  // namespace

ImportedModel import_model(const std::filesystem::path& path, const BuildOptions& options) {
  ImportedModel model = read_model(path, options);
  narrow_inputs(model.graph, options.input_shapes);
  return model;
}

namespace {

/// How pixels become the input of a model.
const Preprocessing& pixels_of(const PlanInfo& info) {
  check(info.classifier.has_value(), ErrorCode::Unsupported,
        "the model of '{}' is not a classifier: nothing says the mean and std of its pixels",
        info.source);
  return info.classifier->preprocessing;
}

std::shared_ptr<PlanData> build_with(const std::filesystem::path& path, const BuildOptions& options,
                                     const Quantization* quantization) {
  check(options.weights == DType::Float32 || options.weights == DType::BFloat16,
        ErrorCode::InvalidArgument, "build: weights as {}, expected F32 or BF16",
        dtype_name(options.weights));
  ImportedModel model = import_model(path, options);
  auto plan = std::make_shared<PlanData>();
  plan->info = std::move(model.info);
  plan->info.vitro_version = version();
  plan->weights = std::move(model.ledger);
  plan->graph = std::move(model.graph);
  run_passes(plan->graph, {.dump_dir = options.dump_ir,
                           .weights = options.weights,
                           .pixels = options.pixels ? &pixels_of(plan->info) : nullptr,
                           .quantization = quantization});
  pack_weights(*plan);
  return plan;
}

}  // namespace

Plan build(const std::filesystem::path& checkpoint, const BuildOptions& options) {
  return Internals::plan(build_with(checkpoint, options, nullptr));
}

Plan build_quantized(const std::filesystem::path& model, const BuildOptions& options,
                     Quantization codes, QuantizationRecord record) {
  for (const ProductRecord& product : record.products)
    if (!product.in_8_bits()) codes.erase(product.product);
  auto plan = build_with(model, options, &codes);
  plan->quantization = std::move(record);
  return Internals::plan(std::move(plan));
}

OpenedModel open_plan(const std::filesystem::path& model, const BuildOptions& options) {
  if (!is_plan_file(model)) {
    Plan plan = build(model, options);
    std::vector<std::string> notes = plan.info().notes;
    return {std::move(plan), std::move(notes)};
  }
  if (!options.input_shapes.empty())
    fail_hint(ErrorCode::InvalidArgument, "rebuild it with these shapes",
              "'{}' is a plan: the shapes of its inputs were chosen when it was built",
              model.string());
  Plan plan = load(model);
  if (options.weights == DType::BFloat16 &&
      weights_dtype(Internals::data(plan).graph) != DType::BFloat16)
    fail_hint(ErrorCode::InvalidArgument,
              fmt::format("rebuild it: vitro build {} --weights bf16 -o {}", plan.info().source,
                          model.string()),
              "plan '{}' has weights in fp32, expected bf16", model.string());
  const ClassifierChoices choices = choices_of(options);
  if (choices != ClassifierChoices()) return with_choices(plan, choices);
  return {std::move(plan), {}};
}

Plan load_or_build(const std::filesystem::path& model, const BuildOptions& options) {
  return open_plan(model, options).plan;
}

}  // namespace vitro
