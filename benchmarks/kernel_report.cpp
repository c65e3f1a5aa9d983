#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "kernel_bench.h"
#include "measure/system_info.h"
#include "vitro/vitro.h"

namespace vitro::bench {
namespace {

/// Microseconds to the hundredth; null for NaN.
nlohmann::ordered_json microseconds(double seconds) {
  if (std::isnan(seconds)) return nullptr;
  return std::round(seconds * 1e8) / 100;
}

double percent_of_peak(const Line& line, double peak) {
  return std::round(1000 * line.flops / line.timing.best / peak) / 10;
}

nlohmann::ordered_json line_json(const Line& line, double peak) {
  nlohmann::ordered_json json = {{"op", line.op},
                                 {"name", line.name},
                                 {"threads", line.threads},
                                 {"best_us", microseconds(line.timing.best)},
                                 {"median_us", microseconds(line.timing.median)}};
  if (line.flops > 0) {
    json["percent_of_peak"] = percent_of_peak(line, peak);
  } else {
    json["gbytes_per_s"] = std::round(line.bytes / line.timing.best * 1e-8) / 10;
  }
  json["peer_us"] = microseconds(line.peer);
  json["peer_packed_us"] = microseconds(line.peer_packed);
  return json;
}

}  // namespace

void report(Context& context, Line line) {
  const double best = line.timing.best;
  const std::string rate =
      line.flops > 0 ? fmt::format("{:7.1f} GFLOP/s {:5.1f} % of peak", line.flops / best * 1e-9,
                                   percent_of_peak(line, context.peak))
                     : fmt::format("{:7.1f} GB/s", line.bytes / best * 1e-9);
  std::string peers;
  if (!std::isnan(line.peer)) peers += fmt::format("  {} {:8.1f} us", peer_name(), line.peer * 1e6);
  if (!std::isnan(line.peer_packed))
    peers += fmt::format(", packed {:8.1f} us", line.peer_packed * 1e6);
  fmt::print("{:<38} {:9.1f} us (median {:9.1f})  {}{}\n", line.name, best * 1e6,
             line.timing.median * 1e6, rate, peers);
  std::fflush(stdout);
  context.lines.push_back(std::move(line));
}

std::string lines_json(const Context& context) {
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const Line& line : context.lines) lines.push_back(line_json(line, context.peak));
  const nlohmann::ordered_json json = {
      {"cpu", cpu_model()},
      {"isa", cpu::isa_name(context.isa)},
      {"peak_gflops_per_core", std::round(context.peak * 1e-8) / 10},
      {"peer", peer_name()},
      {"cold_weights", context.options.cold},
      {"version", version()},
      {"kernels", lines}};
  return json.dump(1) + "\n";
}

}  // namespace vitro::bench
