#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/layers.h"
#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing_options.h"
#include "cli/quantization_options.h"
#include "cli/quantization_report.h"
#include "cli/range_audit.h"
#include "cli/shapes.h"
#include "cli/table.h"
#include "cli/tuning.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

struct BuildArguments : CommonOptions {
  std::string output;
  std::string dump_ir;
  std::string export_layers;
  ShapesByName shapes;  ///< the only ones of inputs
  TuningOptions tuning;
  QuantizationOptions quantization;
  RangeAuditOptions range_audit;
};

/// A plan needs no more than tactics for another machine; all else is built. Without a plan the
/// reason has been reported.
QuantizedPlan built(const BuildArguments& options) {
  if ((options.tuning.tune || !options.tuning.file.empty()) && is_plan_file(options.model)) {
    check(
        options.build.height == 0 && options.dump_ir.empty() && options.range_audit.images.empty(),
        ErrorCode::InvalidArgument,
        "'{}' is a plan: --size, --dump-ir and --range-audit need the checkpoint", options.model);
    return {open_model(options.model, options.build), kSuccess};
  }
  BuildOptions build_options = options.build;
  build_options.dump_ir = options.dump_ir;
  QuantizedPlan built = options.quantization.in_8_bits()
                            ? quantized(options, build_options, options.quantization)
                            : QuantizedPlan{build(options.model, build_options), kSuccess};
  if (!built.plan) return built;
  built.plan = audited(*built.plan, options.range_audit, options.quiet);
  if (!built.plan) return {{}, kInterrupted};
  for (const std::string& note : plan_notes(*built.plan)) log_warning("{}", printable(note));
  return built;
}

int run_build(const BuildArguments& options) {
  const auto start = std::chrono::steady_clock::now();
  check_writable(options.output, {options.model});
  check(options.tuning.file.empty() ||
            weakly_canonical(std::filesystem::path(options.output)) !=
                weakly_canonical(std::filesystem::path(options.tuning.file)),
        ErrorCode::InvalidArgument, "'{}' is both the plan and the file of tactics",
        options.output);
  std::optional<AtomicFile> layers;
  if (!options.export_layers.empty()) {
    check_output(options.export_layers, {options.model});
    layers.emplace(options.export_layers);
  }
  apply_log_options(options);
  const auto [built_plan, exit_code] = built(options);
  if (!built_plan) return exit_code;
  const std::optional<Plan> tuned_plan = tuned(*built_plan, options.tuning, options.quiet);
  if (!tuned_plan) {
    report_error("tuning was interrupted; nothing was written",
                 "--keep-partial keeps what was confirmed, --time-budget SECONDS ends earlier",
                 kInterruptedCode);
    return kInterrupted;
  }
  const Plan& plan = *tuned_plan;
  save(plan, options.output);
  if (layers) {
    const Session session(plan);
    layers->write(json_text(layers_json(session, run_dims(plan, {}))));
    layers->commit();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(options.output, ignored);

  if (options.json) {
    Json json{{"model", options.model}, {"output", options.output}};
    json.update(plan_json(plan));
    if (options.quantization.in_8_bits()) json["quant"] = quantization_json(plan);
    json.update({{"bytes", ignored ? 0 : bytes}, {"seconds", seconds}});
    print_json(json);
    return kSuccess;
  }
  if (const auto& record = Internals::data(plan).quantization; record && record->search)
    write_stdout(search_text(*record, false) + "\n");
  auto fields = plan_fields(plan);
  fields.emplace_back("plan", fmt::format("{} ({})", options.output,
                                          ignored ? "?" : bytes_text(static_cast<double>(bytes))));
  fields.emplace_back("time", fmt::format("{:.2f} s", seconds));
  write_stdout(fields_text(fields));
  return kSuccess;
}

}  // namespace

Action add_build(CLI::App& verb) {
  auto options = std::make_shared<BuildArguments>();
  add_model_options(verb, *options);
  verb.get_option("MODEL")->description(
      "Checkpoint (.safetensors, sharded or not, .pth) or .onnx; with --tune or --tactics also a "
      "plan; also -m MODEL");
  add_weights_option(verb, options->build);
  add_preprocessing_options(verb, options->build);
  verb.add_flag("--pixels", options->build.pixels,
                "The input of the plan is uint8 pictures [batch, height, width, 3]; x / 255, mean "
                "and std become a part of the model")
      ->group(kModelGroup);
  add_labels_option(verb, options->build);
  add_range_options(verb, options->build);
  add_shapes_option(verb, "--shapes", options->shapes,
                    "The only extents of inputs: smallest, usual and largest");
  verb.add_option("-o,--output,--saveEngine", options->output, "Plan to write (required)")
      ->option_text("FILE")
      ->required()
      ->group(kOutputGroup);
  verb.add_option("--dump-ir", options->dump_ir, "Directory for the graph after each pass")
      ->option_text("DIR")
      ->group(kOutputGroup);
  verb.add_option("--exportLayerInfo", options->export_layers,
                  "Write the ops and what runs them here, as trtexec --exportLayerInfo")
      ->option_text("FILE")
      ->group(kOutputGroup);
  add_quantization_options(verb, options->quantization);
  add_range_audit_options(verb, options->range_audit);
  add_tuning_options(verb, options->tuning);
  add_verbose_option(verb, *options);
  add_output_options(verb, *options);
  verb.callback([options] {
    check_quantization_options(options->quantization);
    for (const auto& [input, dims] : options->shapes) {
      InputShapes& shapes = options->build.input_shapes[input];
      if (!shapes.min.empty() || !shapes.opt.empty() || !shapes.max.empty())
        throw CLI::ValidationError("--shapes",
                                   "says what --minShapes, --optShapes and --maxShapes "
                                   "say, expected one or the other");
      shapes = {dims, dims, dims};
    }
  });
  return [options] { return run_build(*options); };
}

}  // namespace vitro::cli
