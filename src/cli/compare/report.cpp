#include "cli/compare/report.h"
#include "cli/model.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/compare/ops.h"
#include "cli/model_info.h"
#include "cli/table.h"
#include "ir/op_info.h"

namespace vitro::cli {
namespace {

/// A row of the table holds the names of so many implementations; JSON has them all.
constexpr size_t kMaxShownSteps = 3;

/// The parts of a side that the difference is about.
std::string side_text(const OpText& text, const std::vector<std::string>& differs) {
  if (text.ops.empty()) return "-";
  std::string shown = text.ops;
  for (const std::string& name : differs) {
    if (name == "shape") shown += " " + text.shape;
    if (name == "impls")
      shown += text.num_steps <= kMaxShownSteps ? fmt::format(" ({})", text.impls)
                                                : fmt::format(" (in {} steps)", text.num_steps);
    if (name == "weights") shown += ", " + text.weights;
    if (name == "weight_bytes")
      shown += fmt::format(", {} B", fmt::group_digits(text.weight_bytes));
  }
  return shown;
}

/// Matches that differ in the same way make one row.
struct DifferenceRow {
  std::string first_source, a, b;
  int count = 0;
};

std::vector<DifferenceRow> difference_rows(const Contender& a, const Contender& b,
                                           const std::vector<OpMatch>& ops) {
  std::vector<DifferenceRow> rows;
  for (const OpMatch& match : ops) {
    const OpText text_a = op_text(a.program, match.a), text_b = op_text(b.program, match.b);
    const auto differs = differing(text_a, text_b);
    if (differs.empty()) continue;
    DifferenceRow row{match_source(a.program, b.program, match), side_text(text_a, differs),
                      side_text(text_b, differs), 1};
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const DifferenceRow& other) {
      return other.a == row.a && other.b == row.b;
    });
    if (same == rows.end())
      rows.push_back(std::move(row));
    else
      ++same->count;
  }
  return rows;
}

std::string contender_text(const Contender& contender) {
  return fmt::format("{} ({}) on {}; weights {}, arena {}", printable_line(contender.model),
                     printable_line(contender.session.plan().info().architecture),
                     execution_text(contender.session),
                     bytes_text(static_cast<double>(weight_bytes(contender.session.plan()))),
                     bytes_text(static_cast<double>(contender.program.executable->memory().arena)));
}

std::string latency_text(const InterleavedResult& latency) {
  Table table({"latency", "median ms", "p90 ms", "min ms"});
  for (const auto& [name, side] : {std::pair{"A", &latency.a}, {"B", &latency.b}})
    table.add_row({name, fmt::format("{:.2f}", side->median), fmt::format("{:.2f}", side->p90),
                   fmt::format("{:.2f}", side->min)});
  if (!latency.noisy.empty()) return table.text() + fmt::format("no ratio: {}\n", latency.noisy);
  return table.text() +
         fmt::format("A / B = {:.3f} (95 % interval {:.3f} to {:.3f}), {} rounds in turn\n",
                     latency.ratio, latency.interval.low, latency.interval.high, latency.rounds);
}

std::string differences_text(const Contender& a, const Contender& b, const Comparison& comparison) {
  std::string text;
  for (const Json& difference : plan_differences(a.session.plan(), b.session.plan()))
    text += fmt::format("{}: {} in A, {} in B\n", difference["key"].get<std::string>(),
                        difference["a"].dump(), difference["b"].dump());
  const auto rows = difference_rows(a, b, comparison.ops);
  int differing_ops = 0;
  Table table({"first module", "count", "A", "B"});
  for (const DifferenceRow& row : rows) {
    table.add_row({row.first_source, std::to_string(row.count), row.a, row.b});
    differing_ops += row.count;
  }
  text += fmt::format("ops: {} in A, {} in B, {} of {} matches differ\n", a.program.ops.size(),
                      b.program.ops.size(), differing_ops, comparison.ops.size());
  return rows.empty() ? text : text + table.text();
}

std::string percent_text(double share) {
  return share > 1e4 ? ">1000000" : fmt::format("{:.2f}", 100 * share);
}

std::string layers_text(const Comparison& comparison) {
  const LayerError* bad = first_bad_layer(comparison);
  Table table({"layer", "op", "result", "nmse", "max error", "% of bound", ""});
  for (const LayerError& layer : comparison.errors.layers)
    table.add_row({layer.source, layer.op, to_string(layer.dims), fmt::format("{:.2e}", layer.nmse),
                   fmt::format("{:.2e}", layer.max_error),
                   percent_text(comparison.bound.share(layer.nmse, layer.max_error)),
                   &layer == bad ? "<- first" : ""});
  std::string text = table.text();
  std::map<std::string, int> reasons;
  for (const OpMatch& match : comparison.ops)
    if (!match.comparable) ++reasons[match.reason];
  for (const auto& [reason, count] : reasons)
    text += fmt::format("not compared: {} ({})\n", count, reason);
  text +=
      fmt::format("bound: nmse {:.3g}, max |a - b| / rms(b) {:.3g}; first layer beyond it: {}\n",
                  comparison.bound.nmse, comparison.bound.max_error, bad ? bad->source : "none");
  for (const auto& [side, found] :
       {std::pair{"A", &comparison.errors.a}, {"B", &comparison.errors.b}})
    if (found->steps > 0)
      text += fmt::format("NaN or infinity in {}: first in '{}', {} values; in {} steps\n", side,
                          found->first, found->count, found->steps);
  return text;
}

std::string outputs_text(const Comparison& comparison) {
  const auto& outputs = comparison.outputs;
  if (!outputs) return "outputs: not comparable, their shapes differ\n";
  std::string text = "outputs: ";
  if (const auto& classes = outputs->classes)
    text += fmt::format("same first class in {} of {}, its probability differs by at most {:.3g}; ",
                        classes->same_class, outputs->images, classes->top1_difference);
  return text + fmt::format("nmse {:.3g}, max error {:.3g}\n", outputs->nmse, outputs->max_error);
}

Json contender_json(const Contender& contender) {
  return {{"model", contender.model},
          {"architecture", contender.session.plan().info().architecture},
          {"backend", contender.session.backend()},
          {"precision", precision_name(contender.session)},
          {"threads", contender.session.threads()},
          {"weight_bytes", weight_bytes(contender.session.plan())},
          {"arena_bytes", contender.program.executable->memory().arena}};
}

Json summary_json(const Summary& ms) {
  return {{"median_ms", ms.median}, {"p90_ms", ms.p90}, {"p99_ms", ms.p99}, {"min_ms", ms.min}};
}

Json latency_json(const std::optional<InterleavedResult>& latency) {
  if (!latency) return nullptr;
  Json json{{"a", summary_json(latency->a)}, {"b", summary_json(latency->b)},
            {"rounds", latency->rounds},     {"ratio", nullptr},
            {"ratio_interval", nullptr},     {"noisy", latency->noisy}};
  if (latency->noisy.empty()) {
    json["ratio"] = latency->ratio;
    json["ratio_interval"] = {latency->interval.low, latency->interval.high};
  }
  return json;
}

Json side_json(const PlacedProgram& program, const std::vector<size_t>& ops) {
  Json json = Json::array();
  for (size_t index : ops) {
    const PlacedOp& op = program.ops[index];
    Json impls = Json::array();
    for (const StepInfo& step : program.steps(op)) impls.push_back(step.impl);
    json.push_back({{"source", op.node->source},
                    {"op", op_name(*op.node)},
                    {"shape", op.output.dims},
                    {"impls", impls},
                    {"weights", weight_types(program, {index})},
                    {"weight_bytes", op.weight_bytes}});
  }
  return json;
}

Json ops_json(const Contender& a, const Contender& b, const Comparison& comparison) {
  Json json = Json::array();
  for (const OpMatch& match : comparison.ops)
    json.push_back(
        {{"source", match_source(a.program, b.program, match)},
         {"a", side_json(a.program, match.a)},
         {"b", side_json(b.program, match.b)},
         {"differs", differing(op_text(a.program, match.a), op_text(b.program, match.b))},
         {"not_compared", match.reason}});
  return json;
}

Json layers_json(const Comparison& comparison) {
  Json json = Json::array();
  for (const LayerError& layer : comparison.errors.layers)
    json.push_back(
        {{"source", layer.source},
         {"op", layer.op},
         {"shape", layer.dims},
         {"nmse", layer.nmse},
         {"max_error", layer.max_error},
         {"percent_of_bound", 100 * comparison.bound.share(layer.nmse, layer.max_error)}});
  return json;
}

Json non_finite_json(const NonFinite& found) {
  if (found.steps == 0) return nullptr;
  return {{"first", found.first}, {"count", found.count}, {"steps", found.steps}};
}

Json outputs_json(const std::optional<OutputErrors>& outputs) {
  if (!outputs) return nullptr;
  const auto& classes = outputs->classes;
  return {{"images", outputs->images},
          {"same_class", classes ? Json(classes->same_class) : Json(nullptr)},
          {"top1_difference", classes ? Json(classes->top1_difference) : Json(nullptr)},
          {"nmse", outputs->nmse},
          {"max_error", outputs->max_error}};
}

}  // namespace

double ErrorBound::share(double nmse_found, double max_error_found) const {
  // A bound of 0 asks for equal bits.
  const auto part = [](double found, double most) {
    if (most > 0) return found / most;
    return found > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  };
  return std::max(part(nmse_found, nmse), part(max_error_found, max_error));
}

const LayerError* first_bad_layer(const Comparison& comparison) {
  const auto& layers = comparison.errors.layers;
  const auto bad = std::find_if(layers.begin(), layers.end(), [&](const LayerError& layer) {
    return comparison.bound.share(layer.nmse, layer.max_error) > 1;
  });
  return bad == layers.end() ? nullptr : &*bad;
}

std::string comparison_text(const Contender& a, const Contender& b, const Comparison& comparison) {
  std::string text =
      fields_text({{"A", contender_text(a)},
                   {"B", contender_text(b)},
                   {"input", fmt::format("{}, {}", to_string(comparison.dims), comparison.input)}});
  if (comparison.latency) text += "\n" + latency_text(*comparison.latency);
  text += "\n" + printable(differences_text(a, b, comparison));
  text += "\n" + printable(layers_text(comparison));
  return wrapped(text + outputs_text(comparison), output_width());
}

Json comparison_json(const Contender& a, const Contender& b, const Comparison& comparison) {
  const LayerError* bad = first_bad_layer(comparison);
  const LayerErrors& errors = comparison.errors;
  return {{"a", contender_json(a)},
          {"b", contender_json(b)},
          {"input", {{"shape", comparison.dims}, {"source", comparison.input}}},
          {"latency", latency_json(comparison.latency)},
          {"plan_differences", plan_differences(a.session.plan(), b.session.plan())},
          {"ops", ops_json(a, b, comparison)},
          {"bound", {{"nmse", comparison.bound.nmse}, {"max_error", comparison.bound.max_error}}},
          {"layers", layers_json(comparison)},
          {"first_bad_layer", bad ? Json(bad->source) : Json(nullptr)},
          {"not_finite", {{"a", non_finite_json(errors.a)}, {"b", non_finite_json(errors.b)}}},
          {"outputs", outputs_json(comparison.outputs)}};
}

}  // namespace vitro::cli
