#include "runtime/export.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/log.h"
#include "frontend/onnx/import.h"

namespace vitro::cli {
namespace {

struct ExportArguments : CommonOptions {
  std::string output;
  int64_t opset = kUsualOnnxOpset;
  bool qdq = false;
};

int64_t total(const std::map<std::string, int64_t>& nodes) {
  return std::accumulate(nodes.begin(), nodes.end(), int64_t{0},
                         [](int64_t sum, const auto& entry) { return sum + entry.second; });
}

int64_t count_of(const std::map<std::string, int64_t>& nodes, const std::string& op) {
  const auto found = nodes.find(op);
  return found == nodes.end() ? 0 : found->second;
}

std::string shapes_text(const ResultsAt& at) {
  std::string text;
  for (const Dims& dims : at.inputs) text += (text.empty() ? "" : ", ") + to_string(dims);
  return text;
}

/// Nodes by op, of the model that was read where it has any.
std::string nodes_text(const ExportReport& report) {
  std::set<std::string> ops;
  for (const auto& [op, count] : report.before) ops.insert(op);
  for (const auto& [op, count] : report.after) ops.insert(op);
  const bool has_before = !report.before.empty();
  Table table(has_before ? std::vector<std::string>{"op", "before", "after"}
                         : std::vector<std::string>{"op", "nodes"});
  const auto add = [&](const std::string& name, int64_t before, int64_t after) {
    std::vector<std::string> row{name};
    if (has_before) row.push_back(std::to_string(before));
    row.push_back(std::to_string(after));
    table.add_row(row);
  };
  for (const std::string& op : ops)
    add(op, count_of(report.before, op), count_of(report.after, op));
  add("all", total(report.before), total(report.after));
  return table.text();
}

/// The nodes that change the layout: the first ones by name.
std::string transposes_text(const std::vector<std::string>& names) {
  constexpr size_t kShown = 6;
  std::string text = std::to_string(names.size());
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? ": " : ", ") + printable_line(names[i]);
  if (names.size() > kShown) text += ", ... (--json has all)";
  return text;
}

Json report_json(const ExportArguments& options, const ExportReport& report, double seconds) {
  Json checks = Json::array();
  for (const ResultsAt& at : report.checks)
    checks.push_back({{"inputs", at.inputs}, {"output", at.output}, {"error", at.error}});
  Json json{{"model", options.model}, {"output", options.output}, {"opset", report.opset}};
  json["nodes_before"] = report.before.empty() ? Json(nullptr) : Json(report.before);
  json["nodes_after"] = report.after;
  json["transposes"] = report.transposes;
  json["checks"] = checks;
  json["notes"] = report.notes;
  json["bytes"] = report.bytes;
  if (!report.data_file.empty())
    json["data"] = {{"file", report.data_file.string()}, {"bytes", report.data_bytes}};
  json["seconds"] = seconds;
  return json;
}

/// The files that were written, with their sizes.
std::string files_text(const ExportArguments& options, const ExportReport& report) {
  const auto text = [](const std::string& file, uint64_t bytes) {
    return fmt::format("{} ({})", file, bytes_text(static_cast<double>(bytes)));
  };
  const std::string model = text(options.output, report.bytes);
  if (report.data_file.empty()) return model;
  return model + "\n" + text(report.data_file.string(), report.data_bytes) + ", its weights";
}

int run_export(const ExportArguments& options) {
  const auto start = std::chrono::steady_clock::now();
  check_output(options.output, {options.model});
  apply_log_options(options);
  const ExportReport report =
      export_model(options.model, options.output,
                   {.opset = options.opset, .build = options.build, .quantized = options.qdq});
  for (const std::string& note : report.notes) log_warning("{}", printable(note));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    print_json(report_json(options, report, seconds));
    return kSuccess;
  }
  std::string checks;
  for (const ResultsAt& at : report.checks)
    checks += fmt::format("{}{}: results differ by at most {:.1e} of the largest one",
                          checks.empty() ? "" : "\n", shapes_text(at), at.error);
  write_stdout(nodes_text(report) + "\n" +
               fields_text({{"opset", std::to_string(report.opset)},
                            {"transposes", transposes_text(report.transposes)},
                            {"checked", checks},
                            {"file", files_text(options, report)},
                            {"time", fmt::format("{:.2f} s", seconds)}}));
  return kSuccess;
}

std::shared_ptr<ExportArguments> add_options(CLI::App& verb) {
  auto options = std::make_shared<ExportArguments>();
  verb.add_option("-o,--output", options->output, "ONNX model to write (required)")
      ->option_text("FILE")
      ->required()
      ->group(kOutputGroup);
  verb.add_option(
          "--opset", options->opset,
          fmt::format("Version of ONNX's ops; LayerNormalization is one op from 17 on, Gelu "
                      "from 20; default: {}",
                      kUsualOnnxOpset))
      ->option_text(fmt::format("{}..{}", kLeastOnnxOpset, kMostOnnxOpset))
      ->check(integer_between(kLeastOnnxOpset, kMostOnnxOpset))
      ->group(kOutputGroup);
  add_verbose_option(verb, *options);
  add_output_options(verb, *options);
  return options;
}

}  // namespace

Action add_optimize(CLI::App& verb) {
  const std::shared_ptr<ExportArguments> options = add_options(verb);
  verb.add_option("MODEL", options->model, "ONNX model; also -m MODEL")
      ->option_text("MODEL")
      ->required();
  return [options] {
    if (!is_onnx_file(options->model))
      fail_hint(ErrorCode::Unsupported,
                fmt::format("of a checkpoint or plan: vitro export {} -o {}", options->model,
                            options->output),
                "'{}' is no ONNX model, expected one", options->model);
    return run_export(*options);
  };
}

Action add_export(CLI::App& verb) {
  const std::shared_ptr<ExportArguments> options = add_options(verb);
  verb.add_flag("--qdq", options->qdq,
                "Refuse a model without products in 8 bits; those of a plan are always written "
                "between QuantizeLinear and DequantizeLinear")
      ->group(kOutputGroup);
  add_model_options(verb, *options);
  return [options] { return run_export(*options); };
}

}  // namespace vitro::cli
