#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "backends/cpu/kernels/kernels.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/statistics.h"
#include "cli/synthetic_input.h"
#include "cli/system_info.h"
#include "cli/table.h"
#include "cli/verbs.h"

namespace vitro::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options : CommonOptions {
  std::vector<int64_t> batches{1};
  std::vector<std::string> sizes;
  int64_t warmup = 3;
  int64_t iterations = 10;  ///< at least
  double duration = 3;      ///< seconds, at least
  bool iterations_only = false;
};

struct Row {
  Dims dims;
  int threads = 0;
  std::string backend;
  int64_t iterations = 0;
  Summary ms;
  double images_per_s() const { return 1000 * static_cast<double>(dims[0]) / ms.median; }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// How many runs will be timed, going by the first `timed` of them.
int64_t expected_runs(const Options& options, int64_t timed, double seconds) {
  const double fill = std::ceil(options.duration * static_cast<double>(timed) / seconds);
  return std::max({options.iterations, timed, static_cast<int64_t>(fill)});
}

Row measure(const Session& session, const Dims& dims, const Options& options) {
  prepare_checked(session, dims);
  const Tensor input = synthetic_input(dims);
  Progress progress("bench", "runs", options.warmup + options.iterations, options.quiet);
  Tensor output = session.run(input);
  for (int64_t i = 1; i < options.warmup; ++i) {
    progress.update(i);
    session.run(input.data.data(), dims, output.data.data());
  }

  std::vector<double> milliseconds;
  const auto start = Clock::now();
  while (static_cast<int64_t>(milliseconds.size()) < options.iterations ||
         seconds_since(start) < options.duration) {
    const auto begin = Clock::now();
    session.run(input.data.data(), dims, output.data.data());
    milliseconds.push_back(1000 * seconds_since(begin));
    const auto timed = static_cast<int64_t>(milliseconds.size());
    progress.set_total(options.warmup + expected_runs(options, timed, seconds_since(start)));
    progress.update(options.warmup + timed);
  }
  return {.dims = dims,
          .threads = session.threads(),
          .backend = session.backend(),
          .iterations = static_cast<int64_t>(milliseconds.size()),
          .ms = summarize(milliseconds)};
}

std::vector<Dims> requested_shapes(const Plan& plan, const Options& options) {
  std::vector<Dims> shapes;
  for (int64_t batch : options.batches) {
    if (options.sizes.empty()) shapes.push_back(input_dims(plan, batch, std::nullopt));
    for (const std::string& size : options.sizes)
      shapes.push_back(input_dims(plan, batch, parse_size(size)));
  }
  return shapes;
}

Json row_json(const Options& options, const Row& row) {
  const bool is_cpu = row.backend == "cpu";
  return {{"model", options.model},
          {"backend", row.backend},
          {"precision", "fp32"},
          {"batch", row.dims[0]},
          {"shape", row.dims},
          {"threads", row.threads},
          {"median_ms", row.ms.median},
          {"p90_ms", row.ms.p90},
          {"p99_ms", row.ms.p99},
          {"min_ms", row.ms.min},
          {"images_per_s", row.images_per_s()},
          {"mean_ms", row.ms.mean},
          {"stddev_ms", row.ms.stddev},
          {"iterations", row.iterations},
          {"cpu", cpu_model()},
          {"isa", is_cpu ? cpu::isa_name(cpu::select_isa()) : "scalar"},
          {"version", version()}};
}

int run_bench(Options options) {
  if (options.iterations_only) options.duration = 0;
  const Plan plan = open_model(options);
  const Session session(plan, options.session);
  Json json = Json::array();
  Table table({"backend", "precision", "batch", "shape", "threads", "median ms", "p90 ms", "p99 ms",
               "min ms", "images/s"});
  for (const Dims& dims : requested_shapes(plan, options)) {
    const Row row = measure(session, dims, options);
    json.push_back(row_json(options, row));
    table.add_row({row.backend, "fp32", std::to_string(dims[0]), to_string(dims),
                   std::to_string(row.threads), fmt::format("{:.2f}", row.ms.median),
                   fmt::format("{:.2f}", row.ms.p90), fmt::format("{:.2f}", row.ms.p99),
                   fmt::format("{:.2f}", row.ms.min), fmt::format("{:.1f}", row.images_per_s())});
  }
  if (options.json) {
    print_json(json);
  } else {
    print("{} ({})\n", printable(options.model), printable(plan.info().architecture));
    write_stdout(table.text());
  }
  return kSuccess;
}

}  // namespace

Action add_bench(CLI::App& verb) {
  auto options = std::make_shared<Options>();
  add_model_options(verb, *options);
  verb.add_option("--batch", options->batches, "Images in one run; several: 1,8,16; default: 1")
      ->option_text("N,...")
      ->delimiter(',')
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--size", options->sizes,
                  "Input size; several: 224,288x352; default: the model's")
      ->option_text("N|HxW,...")
      ->delimiter(',')
      ->check(size_text())
      ->group(kExecutionGroup);
  verb.add_option("--warmup", options->warmup, "Runs that are not timed, at least 1; default: 3")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  auto* duration = verb.add_option("--duration", options->duration,
                                   "Time at least this many seconds; default: 3")
                       ->option_text("SECONDS")
                       ->check(number_between(0, 86400))
                       ->group(kExecutionGroup);
  auto* iterations =
      verb.add_option("--iterations", options->iterations,
                      "Time at least N runs; exactly N without --duration; default: 10")
          ->option_text("N")
          ->check(positive_integer())
          ->group(kExecutionGroup);
  add_execution_options(verb, *options);
  add_output_options(verb, *options);
  return [options, duration, iterations] {
    options->iterations_only = iterations->count() > 0 && duration->count() == 0;
    return run_bench(*options);
  };
}

}  // namespace vitro::cli
