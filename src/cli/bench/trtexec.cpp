#include "cli/bench/trtexec.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace vitro::cli {
namespace {

std::string log_line(const std::string& text) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("[{:%m/%d/%Y-%H:%M:%S}] [I] {}\n", fmt::localtime(now), text);
}

std::string distribution(const Summary& ms) {
  return fmt::format(
      "min = {:g} ms, max = {:g} ms, mean = {:g} ms, median = {:g} ms, percentile(90%) = {:g} ms, "
      "percentile(95%) = {:g} ms, percentile(99%) = {:g} ms",
      ms.min, ms.max, ms.mean, ms.median, ms.p90, ms.p95, ms.p99);
}

}  // namespace

std::string trtexec_summary(const BenchRow& row) {
  const double queries_per_s = row.images_per_s / static_cast<double>(row.setup.batch);
  const auto queries = static_cast<double>(row.iterations);
  std::string text = log_line("=== Performance summary ===");
  text += log_line(fmt::format("Throughput: {:g} qps", queries_per_s));
  text += log_line("Latency: " + distribution(row.ms));
  const DeviceTiming device = row.device.value_or(DeviceTiming{row.ms, {}, row.ms, {}});
  text += log_line("Enqueue Time: " + distribution(device.enqueue));
  text += log_line("H2D Latency: " + distribution(device.upload));
  text += log_line("GPU Compute Time: " + distribution(device.compute));
  text += log_line("D2H Latency: " + distribution(device.download));
  text += log_line(fmt::format("Total Host Walltime: {:g} s", queries / queries_per_s));
  text +=
      log_line(fmt::format("Total GPU Compute Time: {:g} s", queries * device.compute.mean / 1000));
  return text;
}

std::string trtexec_times(const std::vector<RunSpan>& runs) {
  Json times = Json::array();
  for (const RunSpan& run : runs)
    times.push_back({{"startEnqMs", run.begin},
                     {"endEnqMs", run.end},
                     {"startH2dMs", run.begin},
                     {"endH2dMs", run.begin},
                     {"startComputeMs", run.begin},
                     {"endComputeMs", run.end},
                     {"startD2hMs", run.end},
                     {"endD2hMs", run.end},
                     {"h2dMs", 0.0},
                     {"computeMs", run.end - run.begin},
                     {"d2hMs", 0.0},
                     {"latencyMs", run.end - run.begin}});
  return json_text(times);
}

}  // namespace vitro::cli
