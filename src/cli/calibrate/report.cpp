#include "cli/calibrate/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "cli/table.h"

namespace vitro::cli {
namespace {

/// Products by the error of their results, where that was measured; else in order.
std::vector<const CalibratedInput*> worst_first(const Calibration& calibration) {
  std::vector<const CalibratedInput*> inputs;
  for (const CalibratedInput& input : calibration.inputs) inputs.push_back(&input);
  const auto error = [](const CalibratedInput* input) {
    const ChosenRange* range = input->find(CalibrationMethod::OutputMse);
    return range ? range->nmse.value_or(0) : 0;
  };
  std::stable_sort(inputs.begin(), inputs.end(),
                   [&](const auto* a, const auto* b) { return error(a) > error(b); });
  return inputs;
}

std::string worst_text(const Calibration& calibration) {
  constexpr size_t kShown = 5;
  Table table({"product", "least", "largest", "clipped %", "smoothing", "output error"});
  const std::vector<const CalibratedInput*> inputs = worst_first(calibration);
  for (size_t i = 0; i < std::min(inputs.size(), kShown); ++i) {
    const ChosenRange* range = inputs[i]->find(CalibrationMethod::OutputMse);
    if (range == nullptr) return {};
    table.add_row({printable_line(inputs[i]->product), fmt::format("{:.3g}", inputs[i]->min),
                   fmt::format("{:.3g}", inputs[i]->max),
                   fmt::format("{:.3f}", 100 * range->clipped),
                   fmt::format("{}", range->alpha.value_or(0)),
                   range->nmse ? fmt::format("{:.2e}", *range->nmse) : "-"});
  }
  return table.text() + "\n";
}

Json inputs_json(const Calibration& calibration) {
  Json inputs = Json::array();
  for (const CalibratedInput& input : calibration.inputs) {
    Json methods = Json::object();
    for (const ChosenRange& range : input.ranges) {
      Json& method = methods[to_string(range.method)];
      method = {{"clipped", range.clipped}};
      if (range.alpha) method["alpha"] = *range.alpha;
      if (range.nmse) method["nmse"] = *range.nmse;
    }
    inputs.push_back({{"product", input.product},
                      {"channels", input.channels},
                      {"rows", input.rows},
                      {"not_finite", input.not_finite},
                      {"min", input.min},
                      {"max", input.max},
                      {"methods", methods}});
  }
  return inputs;
}

}  // namespace

void report(const CalibrateVerbOptions& options, const Calibration& calibration, double seconds) {
  std::string names;
  for (CalibrationMethod method : options.calibrate.methods)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(method));
  if (options.json) {
    Json methods = Json::array();
    for (CalibrationMethod method : options.calibrate.methods) methods.push_back(to_string(method));
    print_json({{"model", options.model},
                {"model_hash", calibration.model_hash},
                {"output", options.output},
                {"images", calibration.images},
                {"image_hash", calibration.image_hash},
                {"preprocessing", calibration.preprocessing},
                {"methods", methods},
                {"inputs", inputs_json(calibration)},
                {"notes", calibration.notes},
                {"seconds", seconds}});
    return;
  }
  write_stdout(worst_text(calibration));
  write_stdout(fields_text({{"model", printable_line(calibration.source)},
                            {"images", fmt::format("{}", calibration.images)},
                            {"products", fmt::format("{}", calibration.inputs.size())},
                            {"methods", names},
                            {"preprocessing", calibration.preprocessing},
                            {"calibration", options.output},
                            {"time", fmt::format("{:.1f} s", seconds)}}));
}

}  // namespace vitro::cli
