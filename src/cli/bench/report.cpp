#include "cli/bench/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/bench/trtexec.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/thread_team.h"
#include "measure/machine_load.h"
#include "measure/system_info.h"

namespace vitro::cli {
namespace {

using Cells = std::vector<std::string>;

template <typename T>
Json or_null(bool known, const T& value) {
  return known ? Json(value) : Json();
}

void add_ratio(Json& json, const BenchRow& row) {
  const bool shown = row.ratio && row.ratio->noisy.empty();
  const BenchRatio ratio = row.ratio.value_or(BenchRatio{});
  json["ratio"] = or_null(shown, ratio.ratio);
  json["ratio_low"] = or_null(shown, ratio.interval.low);
  json["ratio_high"] = or_null(shown, ratio.interval.high);
  json["noisy"] = or_null(!ratio.noisy.empty(), ratio.noisy);
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

void add_device(Json& json, const std::optional<DeviceTiming>& measured) {
  const DeviceTiming timing = measured.value_or(DeviceTiming{});
  const DeviceState state = timing.state.value_or(DeviceState{});
  json.update({{"enqueue_ms", or_null(measured.has_value(), timing.enqueue.median)},
               {"h2d_ms", or_null(measured.has_value(), timing.upload.median)},
               {"compute_ms", or_null(measured.has_value(), timing.compute.median)},
               {"d2h_ms", or_null(measured.has_value(), timing.download.median)},
               {"replay_ms", or_null(measured.has_value(), timing.back_to_back)},
               {"cold_ms", or_null(measured.has_value(), timing.cold)},
               {"gpu", or_null(!state.name.empty(), state.name)},
               {"driver", or_null(!state.driver.empty(), state.driver)},
               {"clock_mhz", or_null(state.clock_mhz)},
               {"max_clock_mhz", or_null(state.max_clock_mhz)},
               {"memory_clock_mhz", or_null(state.memory_clock_mhz)},
               {"power_w", or_null(state.power_w)},
               {"temperature_c", or_null(state.temperature_c)},
               {"throttled", or_null(state.throttled)}});
}

/// Every row has the same keys; what is not known is null.
Json row_json(const BenchRow& row, const BenchMachine& machine, bool with_ratio) {
  const bool done = row.error.empty();
  const FallbackUse fallback = row.fallback.value_or(FallbackUse{});
  const bool in_part = row.fallback && fallback.unavailable.empty();
  Json json{
      {"model", row.asked.model},
      {"backend", row.backend},
      {"precision", or_null(!row.precision.empty(), row.precision)},
      {"batch", row.asked.batch},
      {"shape", or_null(!row.shape.empty(), row.shape)},
      {"threads", row.asked.threads},
      {"streams", or_null(done, row.setup.streams)},
      {"threads_per_stream", or_null(done, row.setup.threads)},
      {"run_batch", or_null(done, row.setup.batch)},
      {"median_ms", or_null(done, row.ms.median)},
      {"p90_ms", or_null(done, row.ms.p90)},
      {"p99_ms", or_null(done, row.ms.p99)},
      {"min_ms", or_null(done, row.ms.min)},
      {"images_per_s", or_null(done, row.images_per_s)},
      {"mean_ms", or_null(done, row.ms.mean)},
      {"stddev_ms", or_null(done, row.ms.stddev)},
      {"iterations", row.iterations},
      {"cpu", machine.cpu},
      {"cores", machine.cores},
      {"isa", or_null(done, row.isa)},
      {"version", machine.version},
      {"compiler", machine.compiler},
      {"load_average", or_null(machine.load_average.has_value(), machine.load_average.value_or(0))},
      {"busy_elsewhere_percent",
       or_null(row.busy_elsewhere.has_value(), 100 * row.busy_elsewhere.value_or(0))},
      {"fallback", or_null(row.fallback.has_value(), fallback.backend)},
      {"fallback_ops", or_null(in_part, fallback.refused.size())},
      {"fallback_copies", or_null(in_part, fallback.copies.size())},
      {"fallback_bytes", or_null(in_part, fallback.copied_bytes())},
      {"error", or_null(!done, row.error)},
      {"weights", or_null(!row.weights.empty(), row.weights)}};
  add_device(json, row.device);
  if (with_ratio) add_ratio(json, row);
  return json;
}

Json rows_json(const std::vector<BenchRow>& rows, const BenchMachine& machine) {
  const bool with_ratio =
      std::any_of(rows.begin(), rows.end(), [](const BenchRow& row) { return row.ratio; });
  Json json = Json::array();
  for (const BenchRow& row : rows) json.push_back(row_json(row, machine, with_ratio));
  return json;
}

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_array()) return to_string(value.get<Dims>());
  return csv_field(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string csv_text(const Json& rows) {
  Cells lines(1);
  for (const auto& [key, value] : rows.at(0).items())
    lines[0] += (lines[0].empty() ? "" : ",") + key;
  for (const Json& row : rows) {
    Cells fields;
    for (const auto& [key, value] : row.items()) fields.push_back(csv_cell(value));
    lines.push_back(fmt::format("{}", fmt::join(fields, ",")));
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

bool several_models(const std::vector<BenchRow>& rows) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const BenchRow& row) { return row.asked.model != rows[0].asked.model; });
}

/// "cuda + cpu" where one runs what the other refuses.
std::string backend_text(const BenchRow& row) {
  return row.fallback && row.fallback->unavailable.empty()
             ? row.backend + " + " + row.fallback->backend
             : row.backend;
}

/// "fp32", or "fp32, weights bf16".
std::string precision_text(const BenchRow& row) {
  return row.precision + (row.weights == "bf16" ? ", weights bf16" : "");
}

/// The heading and a line for each row; columns in which all rows are equal may be left out.
std::vector<Cells> grid(const std::vector<BenchRow>& rows) {
  const auto any = [&rows](auto&& holds) { return std::any_of(rows.begin(), rows.end(), holds); };
  const bool models = several_models(rows);
  const bool parts = any([](auto& row) { return row.setup.batch != row.asked.batch; });
  const bool errors = any([](auto& row) { return !row.error.empty(); });
  std::vector<Cells> lines;
  const auto add = [&](const std::string& model, Cells line, const std::string& part,
                       const std::string& error) {
    if (models) line.insert(line.begin(), model);
    if (parts) line.push_back(part);
    if (errors) line.push_back(error);
    lines.push_back(std::move(line));
  };
  add("model",
      {"backend", "precision", "batch", "shape", "streams x threads", "median ms", "p90 ms",
       "p99 ms", "min ms", "runs", "images/s"},
      "images/run", "error");
  for (const BenchRow& row : rows) {
    const bool done = row.error.empty();
    const auto number = [done](double value, int digits) {
      return done ? fmt::format("{:.{}f}", value, digits) : std::string("-");
    };
    add(row.asked.model,
        {backend_text(row), precision_text(row), std::to_string(row.asked.batch),
         row.shape.empty() ? "-" : to_string(row.shape),
         done ? fmt::format("{}x{}", row.setup.streams, row.setup.threads)
              : std::to_string(row.asked.threads),
         number(row.ms.median, 2), number(row.ms.p90, 2), number(row.ms.p99, 2),
         number(row.ms.min, 2), std::to_string(row.iterations), number(row.images_per_s, 1)},
        done ? std::to_string(row.setup.batch) : "-", row.error);
  }
  return lines;
}

/// What devices took by their own clocks; nothing when there are none.
std::vector<Cells> device_grid(const std::vector<BenchRow>& rows) {
  std::vector<Cells> lines;
  for (const BenchRow& row : rows) {
    if (!row.device) continue;
    const auto ms = [](double value) { return fmt::format("{:.3f}", value); };
    const DeviceTiming& timing = *row.device;
    lines.push_back({row.asked.model, row.backend, row.precision, std::to_string(row.setup.batch),
                     ms(timing.enqueue.median), ms(timing.upload.median), ms(timing.compute.median),
                     ms(timing.download.median), ms(timing.back_to_back), ms(timing.cold)});
  }
  if (!lines.empty())
    lines.insert(lines.begin(), {"model", "device of", "precision", "batch", "enqueue ms", "h2d ms",
                                 "compute ms", "d2h ms", "back to back ms", "L2 flushed ms"});
  if (!several_models(rows))
    for (Cells& line : lines) line.erase(line.begin());
  return lines;
}

/// "NVIDIA H100 80GB HBM3, driver 580.159, 1980 of 1980 MHz, memory 2619 MHz, 350 W, 45 C, not
/// throttled"
std::string device_text(const DeviceState& state) {
  std::string text = state.name;
  if (!state.missing.empty()) return text + "; driver and clocks unknown: " + state.missing;
  text += ", driver " + state.driver;
  if (state.clock_mhz)
    text += fmt::format(", {} of {} MHz", *state.clock_mhz, state.max_clock_mhz.value_or(0));
  if (state.memory_clock_mhz) text += fmt::format(", memory {} MHz", *state.memory_clock_mhz);
  if (state.power_w) text += fmt::format(", {:.0f} W", *state.power_w);
  if (state.temperature_c) text += fmt::format(", {} C", *state.temperature_c);
  if (state.throttled)
    text += state.throttled->empty() ? ", not throttled" : ", throttled: " + *state.throttled;
  return text;
}

/// What is below a table: ratio and machine.
std::vector<std::string> facts(const std::vector<BenchRow>& rows, const BenchMachine& machine) {
  std::vector<std::string> lines;
  std::optional<double> busy;
  std::vector<std::string> isas;
  for (const BenchRow& row : rows) {
    if (row.busy_elsewhere) busy = std::max(busy.value_or(0), *row.busy_elsewhere);
    if (!row.isa.empty() && std::find(isas.begin(), isas.end(), row.isa) == isas.end())
      isas.push_back(row.isa);
    if (row.ratio && row.ratio->noisy.empty())
      lines.push_back(fmt::format(
          "The second row is {:.3f} times as fast as the first (95 % interval {:.3f} to {:.3f}, {} "
          "rounds).",
          row.ratio->ratio, row.ratio->interval.low, row.ratio->interval.high, row.iterations));
    else if (row.ratio)
      lines.push_back("No ratio: " + row.ratio->noisy + ".");
  }
  std::string line = several_models(rows) ? "" : rows[0].asked.model + " on ";
  line += fmt::format("{}, {} core{}", machine.cpu, machine.cores, machine.cores == 1 ? "" : "s");
  for (const std::string& isa : isas) line += ", " + isa;
  line += fmt::format("; vitro {}, {}", machine.version, machine.compiler);
  if (machine.load_average)
    line += fmt::format("; load average before {:.2f}", *machine.load_average);
  if (busy) line += fmt::format("; others used up to {:.0f} % of the cores", 100 * *busy);
  lines.push_back(line);
  for (const BenchRow& row : rows)
    if (row.device && row.device->state) {
      const std::string text = device_text(*row.device->state);
      if (std::find(lines.begin(), lines.end(), text) == lines.end()) lines.push_back(text);
    }
  return lines;
}

std::string table_text(const std::vector<BenchRow>& rows, const BenchMachine& machine) {
  std::string text;
  for (const auto& lines : {grid(rows), device_grid(rows)}) {
    if (lines.empty()) continue;
    Table table(lines[0]);
    for (size_t i = 1; i < lines.size(); ++i) table.add_row(lines[i]);
    text += table.text() + "\n";
  }
  for (const std::string& fact : facts(rows, machine)) text += wrapped(fact, output_width()) + "\n";
  return text;
}

std::string markdown_text(const std::vector<BenchRow>& rows, const BenchMachine& machine) {
  std::string text;
  const auto add = [&text](Cells cells) {
    for (std::string& cell : cells) {
      std::replace(cell.begin(), cell.end(), '\n', ' ');
      for (size_t at = 0; (at = cell.find('|', at)) != std::string::npos; at += 2)
        cell.insert(at, "\\");
    }
    text += fmt::format("| {} |\n", fmt::join(cells, " | "));
  };
  for (const auto& lines : {grid(rows), device_grid(rows)}) {
    if (lines.empty()) continue;
    if (!text.empty()) text += "\n";
    add(lines[0]);
    add(Cells(lines[0].size(), "---"));
    for (size_t i = 1; i < lines.size(); ++i) add(lines[i]);
  }
  for (const std::string& fact : facts(rows, machine)) text += "\n" + fact + "\n";
  return text;
}

}  // namespace

BenchMachine this_machine() {
  return {cpu_model(), available_cores(), version(), compiler(), load_average()};
}

std::string bench_text(const std::vector<BenchRow>& rows, const BenchMachine& machine,
                       BenchFormat format) {
  std::string text;
  switch (format) {
    case BenchFormat::Table:
      return printable(table_text(rows, machine));
    case BenchFormat::Markdown:
      return printable(markdown_text(rows, machine));
    case BenchFormat::JsonText:
      return json_text(rows_json(rows, machine));
    case BenchFormat::Csv:
      return csv_text(rows_json(rows, machine));
    case BenchFormat::Trtexec:
      for (const BenchRow& row : rows)
        if (row.error.empty()) text += trtexec_summary(row);
      return printable(text);
  }
  return text;
}

}  // namespace vitro::cli
