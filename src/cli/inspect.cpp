#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/coverage.h"
#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/quantization_page.h"
#include "cli/quantization_report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/byte_reader.h"
#include "core/file_io.h"
#include "ir/op_info.h"
#include "runtime/engine.h"
#include "runtime/explain.h"
#include "runtime/internals.h"
#include "runtime/memory.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

struct InspectArguments : CommonOptions {
  bool weights = false, graph = false, why = false, memory = false, coverage = false, quant = false,
       all = false;
  int64_t batch = 1;
  std::string size;
  std::string html;

  bool any_section() const { return weights || graph || why || memory || quant; }
};

std::map<std::string, int64_t> count_ops(const Plan& plan) {
  std::map<std::string, int64_t> counts;
  for (const Node& node : Internals::data(plan).graph.nodes) ++counts[op_name(node)];
  return counts;
}

void print_summary(const Plan& plan) {
  auto fields = plan_fields(plan);
  std::string ops;
  for (const auto& [name, count] : count_ops(plan))
    ops += fmt::format("{}{:>2} {}", ops.empty() ? "" : "\n", count, name);
  fields.emplace_back("ops", ops);
  fields.emplace_back("weights", bytes_text(static_cast<double>(weight_bytes(plan))));
  for (const std::string& note : plan_notes(plan)) fields.emplace_back("note", note);
  write_stdout(fields_text(fields));
}

std::string passed_over_text(const PassedOver& entry) {
  if (entry.num_tensors == 0) return "(passed over)";
  return fmt::format("(passed over: {} tensor{})", entry.num_tensors,
                     entry.num_tensors == 1 ? "" : "s");
}

void print_weights(const Plan& plan) {
  Table table({"name", "shape", "dtype", "consumer", "checksum"}, {"checksum", "consumer"});
  for (const WeightRecord& weight : plan.weights())
    table.add_row({weight.name, to_string(weight.dims), dtype_name(weight.dtype), weight.consumer,
                   weight.checksum});
  for (const PassedOver& entry : plan.info().passed_over)
    table.add_row({entry.name, "", "", passed_over_text(entry), ""});
  write_stdout(table.text());
}

Json weights_json(const Plan& plan) {
  Json json = Json::array();
  for (const WeightRecord& weight : plan.weights())
    json.push_back({{"name", weight.name},
                    {"shape", weight.dims},
                    {"dtype", dtype_name(weight.dtype)},
                    {"consumer", weight.consumer},
                    {"checksum", weight.checksum}});
  return json;
}

Json passed_over_json(const Plan& plan) {
  Json json = Json::array();
  for (const PassedOver& entry : plan.info().passed_over)
    json.push_back({{"name", entry.name}, {"tensors", entry.num_tensors}});
  return json;
}

Json why_json(const Executable& executable) {
  Json json = Json::array();
  for (const Dispatch& dispatch : executable.dispatch()) {
    Json refused = Json::array();
    for (const auto& [impl, reason] : dispatch.refused)
      refused.push_back({{"impl", impl}, {"reason", reason}});
    json.push_back({{"op", dispatch.op},
                    {"source", dispatch.source},
                    {"shape", dispatch.output},
                    {"impl", dispatch.chosen ? Json(dispatch.chosen) : Json(nullptr)},
                    {"refused", refused}});
    if (!dispatch.absorbed.empty()) json.back()["absorbed"] = dispatch.absorbed;
    if (!dispatch.choices.empty()) json.back()["choices"] = dispatch.choices;
    if (!dispatch.tactic) continue;
    Json& measured = json.back()["measured_us"] = Json::object();
    for (const auto& [impl, us] : dispatch.tactic->timings) measured[impl] = us;
  }
  return json;
}

Json near_misses_json(const Plan& plan) {
  Json json = Json::array();
  for (const NearMiss& miss : near_misses(Internals::data(plan).graph))
    json.push_back({{"pattern", miss.pattern}, {"source", miss.source}, {"reason", miss.reason}});
  return json;
}

/// Exact, and readable.
std::string exact_bytes(size_t bytes) {
  return fmt::format("{:>13} bytes  {:>8}", fmt::format("{}", fmt::group_digits(bytes)),
                     bytes_text(static_cast<double>(bytes)));
}

std::string memory_text(const Session& session, const Dims& dims) {
  const MemoryUse& memory = Internals::engine(session).program(dims)->memory();
  const WeightMemory weights = weight_memory(Internals::data(session.plan()));
  std::vector<std::pair<std::string, std::string>> fields{
      {"input", fmt::format("{} on {}", to_string(dims), execution_text(session))},
      {"weights", exact_bytes(weights.stored) + "  mapped, shared by all sessions"},
      {"repacked", exact_bytes(weights.other_forms) + "  in other forms, shared as well"},
      {"activations", exact_bytes(memory.activations) + "  if every result had its own place"},
      {"scratch", exact_bytes(memory.scratch) + "  if every kernel had its own place"},
      {"sharing", exact_bytes(memory.activations + memory.scratch - memory.arena) + "  saved"},
      {"arena", exact_bytes(memory.arena) + "  of one run; concurrent runs add theirs"},
      {"session", exact_bytes(weights.all() + memory.arena) + "  weights in all forms, one arena"}};
  if (memory.staging > 0)
    fields.push_back(
        {"staging", exact_bytes(memory.staging) + "  page-locked, of one run's copies"});
  return fields_text(fields);
}

Json memory_json(const Session& session, const Dims& dims) {
  const MemoryUse& memory = Internals::engine(session).program(dims)->memory();
  const WeightMemory weights = weight_memory(Internals::data(session.plan()));
  return {{"shape", dims},
          {"backend", session.backend()},
          {"threads", session.threads()},
          {"weight_bytes", weights.stored},
          {"repacked_bytes", weights.other_forms},
          {"activation_bytes", memory.activations},
          {"scratch_bytes", memory.scratch},
          {"arena_bytes", memory.arena},
          {"staging_bytes", memory.staging},
          {"saved_bytes", memory.activations + memory.scratch - memory.arena},
          {"session_bytes", weights.all() + memory.arena}};
}

/// The shape that --why and --memory are about.
RunShape section_shape(const InspectArguments& options) {
  return {options.batch, parse_size(options.size), {}};
}

Dims section_dims(const InspectArguments& options, const Plan& plan) {
  const RunShape at = section_shape(options);
  return input_dims(plan, at.batch, at.size);
}

void print_sections(const InspectArguments& options, const Plan& plan) {
  if (!options.any_section()) print_summary(plan);
  if (options.weights) print_weights(plan);
  if (options.graph) write_stdout(printable(plan.graph_text()));
  if (options.quant) write_stdout(quantization_text(plan, options.all));
  if (!options.why && !options.memory) return;
  const Session session(plan, options.session);
  const Dims dims = section_dims(options, plan);
  if (options.why) {
    const std::string misses = near_misses_text(near_misses(Internals::data(plan).graph));
    write_stdout(printable(wrapped(session.explain(dims) + misses, output_width())));
  }
  if (options.memory) write_stdout(memory_text(session, dims));
}

Json sections_json(const InspectArguments& options, const Plan& plan) {
  Json json;
  json["model"] = options.model;
  json.update(plan_json(plan));
  json["ops"] = count_ops(plan);
  json["weight_bytes"] = weight_bytes(plan);
  if (options.weights) {
    json["weights"] = weights_json(plan);
    json["passed_over"] = passed_over_json(plan);
  }
  if (options.graph) json["graph"] = plan.graph_text();
  if (options.quant) json["quant"] = quantization_json(plan);
  if (!options.why && !options.memory) return json;
  const Session session(plan, options.session);
  const Dims dims = section_dims(options, plan);
  if (options.why) {
    json["why"] = why_json(*Internals::engine(session).program(dims));
    json["near_misses"] = near_misses_json(plan);
    json["fallback"] = fallback_json(fallback_use(session, {&dims, 1}));
  }
  if (options.memory) json["memory"] = memory_json(session, dims);
  return json;
}

int run_inspect(const InspectArguments& options) {
  if (options.coverage) return run_coverage(options.model, options.build, options.json);
  if (!options.html.empty()) check_output(options.html, {options.model});
  const Plan plan = open_model(options, section_shape(options));
  if (!options.html.empty())
    write_file_atomic(options.html, as_byte_span(quantization_page(plan, options.model)));
  if (options.json)
    print_json(sections_json(options, plan));
  else
    print_sections(options, plan);
  return kSuccess;
}

}  // namespace

Action add_inspect(CLI::App& verb) {
  auto options = std::make_shared<InspectArguments>();
  add_model_options(verb, *options);
  verb.add_flag("--weights", options->weights,
                "Every tensor of the checkpoint: name, shape, dtype, consumer, checksum; and "
                "what was passed over")
      ->group(kOutputGroup);
  verb.add_flag("--graph", options->graph, "The optimised graph")->group(kOutputGroup);
  verb.add_flag("--why", options->why,
                "Which implementation each op gets, why others refused, and which ops are nearly a "
                "fused one")
      ->group(kOutputGroup);
  verb.add_flag("--memory", options->memory, "Bytes of the weights and of one run")
      ->group(kOutputGroup);
  CLI::Option* quant =
      verb.add_flag("--quant", options->quant,
                    "The products in 8 bits: range and scale of the codes, what they clip and "
                    "their error, the ten worst first");
  quant->group(kOutputGroup);
  verb.add_flag("--all", options->all, "With --quant: all of them")
      ->needs(quant)
      ->group(kOutputGroup);
  verb.add_option("--html", options->html,
                  "With --quant: write a page with a histogram of what each product reads, and the "
                  "ends of its codes")
      ->option_text("FILE")
      ->needs(quant)
      ->group(kOutputGroup);
  verb.add_flag("--coverage", options->coverage,
                "Of an ONNX model: nodes by op, and those that are not supported; nothing is built")
      ->group(kOutputGroup);
  add_execution_options(verb, *options);
  verb.add_option("-b,--batch,--batch-size", options->batch,
                  "Batch for --why and --memory; default: 1")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--size", options->size, "Input size for --why and --memory")
      ->option_text("N|HxW")
      ->check(size_text())
      ->group(kExecutionGroup);
  add_output_options(verb, *options);
  return [options] { return run_inspect(*options); };
}

}  // namespace vitro::cli
