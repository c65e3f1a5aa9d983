#include "cli/profile/advice.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace vitro::cli {
namespace {

constexpr size_t kMaxAdvice = 3;
constexpr double kWorthMentioning = 0.005;  // of a run

/// The sections of one op in one stage of the model.
struct Spot {
  std::string op, stage, impl;
  int64_t sections = 0;
  double ms = 0, waiting_ms = 0, flops = 0, bytes = 0, roofline_ms = 0;
  double weight_bytes = 0;  ///< of the steps
  int64_t rows = 0;         ///< of one step's result
  bool layout = false;

  double gain_ms() const { return ms - roofline_ms; }
};

std::vector<Spot> find_spots(const ProfileReport& report) {
  std::map<std::pair<std::string, std::string>, Spot> spots;
  for (const SectionProfile& section : report.profile.sections) {
    const StepInfo& step = report.profile.step(section);
    const SectionInfo& info = report.profile.info(section);
    const std::string op = op_label(step, info), stage = stage_of(info.source);
    Spot& spot = spots[{op, stage}];
    spot.op = op;
    spot.stage = stage;
    spot.impl = step.impl;
    ++spot.sections;
    spot.ms += section.time.ms;
    spot.waiting_ms += section.time.waiting_ms;
    spot.flops += info.flops;
    spot.bytes += static_cast<double>(info.bytes);
    spot.weight_bytes += static_cast<double>(step.weight_bytes) / step.sections.size();
    spot.roofline_ms += roofline_ms(info, report.peaks);
    spot.rows = num_elements(step.output.dims) / std::max<int64_t>(1, step.output.dims.back());
    spot.layout = info.layout;
  }
  std::vector<Spot> list;
  for (auto& [key, spot] : spots) list.push_back(std::move(spot));
  std::stable_sort(list.begin(), list.end(),
                   [](const Spot& a, const Spot& b) { return a.gain_ms() > b.gain_ms(); });
  return list;
}

std::string rate_text(const Spot& spot, const cpu::Peaks& peaks) {
  const double seconds = spot.ms / 1000;
  const double bandwidth = spot.bytes / seconds, flops = spot.flops / seconds;
  if (spot.flops / peaks.flops_per_s >= spot.bytes / peaks.bytes_per_s)
    return fmt::format("{:.0f} GFLOP/s, {:.0f} % of the peak", flops * 1e-9,
                       100 * flops / peaks.flops_per_s);
  return fmt::format("{:.1f} GB/s, {:.0f} % of the memory bandwidth", bandwidth * 1e-9,
                     100 * bandwidth / peaks.bytes_per_s);
}

/// What to try, going by what keeps the spot from the roofline.
std::string next_step(const Spot& spot, const ProfileReport& report) {
  const int64_t larger = 8 * report.dims[0];
  if (report.backend == "reference")
    return "The reference backend is the slow definition of every op: use --backend cpu.";
  if (spot.impl.starts_with("reference:"))
    return "No kernel of the cpu backend took it: 'vitro inspect MODEL --why' says what each "
           "refused.";
  if (spot.waiting_ms > spot.gain_ms() / 2)
    return fmt::format(
        "Mostly waiting: its loops are too short or too uneven for {}. Compare --threads 1 and "
        "--batch {}, and look at the gaps in the trace (--trace).",
        threads_text(report.threads), larger);
  if (spot.layout)
    return "It only moves data. The kernel that reads the result could take the data as they are: "
           "'vitro inspect MODEL --graph' shows which.";
  const bool memory_bound =
      spot.bytes / report.peaks.bytes_per_s > spot.flops / report.peaks.flops_per_s;
  if (memory_bound && spot.weight_bytes > spot.bytes / 2)
    return fmt::format("Bound by reading weights ({}): --batch {} reads them once for more images.",
                       bytes_text(spot.weight_bytes), larger);
  if (memory_bound)
    return "Bound by memory: only fusing it with its neighbour would save the traffic.";
  return fmt::format(
      "Bound by arithmetic on {} rows: see whether --batch {} comes closer to the peak (fuller "
      "tiles), and time the kernel alone with benchmarks/kernel_benchmark.",
      spot.rows, larger);
}

}  // namespace

std::vector<Advice> profile_advice(const ProfileReport& report) {
  std::vector<Advice> list;
  for (const Spot& spot : find_spots(report)) {
    if (list.size() == kMaxAdvice || spot.gain_ms() < kWorthMentioning * report.profile.ms) break;
    std::string evidence =
        fmt::format("{:.2f} ms in {} place{} ({:.1f} % of the run) at {}", spot.ms, spot.sections,
                    spot.sections == 1 ? "" : "s", 100 * spot.ms / report.profile.ms,
                    rate_text(spot, report.peaks));
    if (spot.waiting_ms >= 0.01 * spot.ms)
      evidence += fmt::format("; threads wait {:.0f} % of it", 100 * spot.waiting_ms / spot.ms);
    list.push_back({fmt::format("{} in {}", spot.op, spot.stage), evidence, next_step(spot, report),
                    spot.gain_ms()});
  }
  return list;
}

}  // namespace vitro::cli
