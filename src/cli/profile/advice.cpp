#include "cli/profile/advice.h"

#include <algorithm>
#include <map>

namespace vitro::cli {
namespace {

constexpr size_t kMaxAdvice = 3;
constexpr double kWorthMentioning = 0.005;  // of a run
constexpr double kClearlyFaster = 1.1;
constexpr double kMostly = 0.5;  // of the time
constexpr int64_t kManyRows = 1000;  // for each thread: more of them fill no tile better

/// The steps of one op in one stage of the model, or a merged step.
struct Spot {
  std::string op, place, impl;
  bool merged = false;
  Dims output;                     ///< of one of the steps
  std::vector<std::string> steps;  ///< their module paths
  bool layout = true;              ///< all sections only move data
  double weight_bytes = 0;         ///< of all steps
  ProfileRow all;
  std::vector<ProfileRow> parts;  ///< by section, when there are several

  double gain_ms() const { return all.ms - all.roofline_ms; }
};

ProfileRow& row_named(std::vector<ProfileRow>& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const ProfileRow& row) { return row.name == name; });
  return found != rows.end() ? *found : rows.emplace_back(ProfileRow{.name = name});
}

void add_to(Spot& spot, const SectionProfile& section, const ProfileReport& report) {
  const StepInfo& step = report.profile.step(section);
  const SectionInfo& info = report.profile.info(section);
  spot.impl = step.impl;
  spot.output = step.output.dims;
  spot.layout = spot.layout && info.layout;
  if (section.section == 0) {
    spot.steps.push_back(step.source);
    spot.weight_bytes += static_cast<double>(step.weight_bytes);
  }
  add_section(spot.all, section.time, info, report.peaks);
  // The clock of a device tells steps apart, not their sections.
  if (step.sections.size() == 1 || spot.merged || report.profile.on_device) return;
  add_section(row_named(spot.parts, info.name), section.time, info, report.peaks);
}

std::vector<Spot> find_spots(const ProfileReport& report) {
  std::map<std::pair<std::string, std::string>, Spot> spots;
  for (const SectionProfile& section : report.profile.sections) {
    const StepInfo& step = report.profile.step(section);
    const SectionInfo& info = report.profile.info(section);
    const bool merged = is_merged(step);
    const std::string op = merged ? row_name(step, info, ProfileGroup::Op) : step.op;
    const std::string place =
        merged ? row_name(step, info, ProfileGroup::Block) : stage_of(step.source);
    Spot& spot = spots[{op, place}];
    spot.op = op;
    spot.place = place;
    spot.merged = merged;
    add_to(spot, section, report);
  }
  std::vector<Spot> list;
  for (auto& [key, spot] : spots) list.push_back(std::move(spot));
  return list;
}

std::string title(const Spot& spot) {
  if (spot.place.empty()) return spot.op;
  return spot.merged ? spot.place : spot.op + " in " + spot.place;
}

/// Where the time goes: "2 places: blocks1.0.mlp and blocks1.1.mlp".
std::string places(const Spot& spot) {
  const size_t count = spot.steps.size();
  if (spot.merged)
    return fmt::format("{} of {}", count == 1 ? "one step" : fmt::format("{} steps", count),
                       spot.op);
  const std::string text = fmt::format("{} place{}", count, count == 1 ? "" : "s");
  const std::string names = few_of(spot.steps);
  return names == spot.place ? text : text + ": " + names;
}

double share_of_peak(const ProfileRow& row) { return row.compute_ms / row.ms; }

/// What the bytes take at the measured peak.
double traffic_ms(const ProfileRow& row, const Peaks& peaks) {
  return 1000 * row.bytes / peaks.bytes_per_s;
}

bool is_memory_bound(const ProfileRow& row, const Peaks& peaks) {
  return traffic_ms(row, peaks) > row.compute_ms;
}

std::string evidence(const Spot& spot, const ProfileReport& report) {
  const ProfileRow& all = spot.all;
  std::string text =
      fmt::format("{} ms in {} ({} % of the run), ", decimal_text(all.ms, 2), places(spot),
                  decimal_text(100 * all.ms / report.profile.ms, 1, 1));
  if (is_memory_bound(all, report.peaks)) {
    const double rate = all.bytes / (all.ms / 1000);
    text += fmt::format("{:.1f} GB/s: {:.0f} % of the bandwidth", rate * 1e-9,
                        100 * rate / report.peaks.bytes_per_s);
  } else {
    text += fmt::format("{:.0f} % of the peak", 100 * share_of_peak(all));
  }
  std::string parts;
  for (const ProfileRow& part : spot.parts) {
    parts +=
        fmt::format("{}{} {} ms", parts.empty() ? "" : "; ", part.name, decimal_text(part.ms, 2));
    if (part.flops > 0) parts += fmt::format(" at {:.0f} % of peak", 100 * share_of_peak(part));
  }
  if (!parts.empty()) text += " (" + parts + ")";
  if (all.waiting_ms >= 0.01 * all.ms)
    text += fmt::format("; threads wait {:.0f} % of it", 100 * all.waiting_ms / all.ms);
  return text;
}

std::string next_step_of_arithmetic(const Spot& spot, const std::vector<Spot>& spots,
                                    const ProfileReport& report) {
  const Spot* best = &spot;
  for (const Spot& other : spots)
    if (other.op == spot.op && share_of_peak(other.all) > share_of_peak(best->all)) best = &other;
  const double here = share_of_peak(spot.all);
  const double there = share_of_peak(best->all);
  const int64_t channels = std::max<int64_t>(1, spot.output.back());
  const int64_t rows = num_elements(spot.output) / channels;
  const std::string larger_batch =
      fmt::format("--batch {} gives it more rows.", 8 * report.dims[0]);
  if (there < kClearlyFaster * here && spot.merged)
    return fmt::format("It runs its ops one after the other on {} rows of {} channels: ", rows,
                       channels) +
           larger_batch;
  if (there < kClearlyFaster * here)
    return "No stage runs this op clearly better, so it is the kernel more than the shape: time it "
           "alone with benchmarks/kernel_benchmark.";
  const std::string shape = fmt::format(
      "The same {} {:.0f} % in {}: the shape costs it, {} rows of {} channels. ",
      spot.merged ? "ops reach" : "op reaches", 100 * there, best->place, rows, channels);
  if (rows < kManyRows * report.threads) return shape + larger_batch;
  return shape + "More rows will not help; time other tiles with benchmarks/kernel_benchmark.";
}

/// What to try, going by what keeps the spot from the roofline.
std::string next_step(const Spot& spot, const std::vector<Spot>& spots,
                      const ProfileReport& report) {
  const int64_t larger = 8 * report.dims[0];
  if (report.backend == "reference")
    return "The reference backend is the slow definition of every op: use --backend cpu.";
  if (spot.impl.starts_with("reference:"))
    return "No kernel of the cpu backend took it: 'vitro inspect MODEL --why' says what each "
           "refused.";
  if (spot.op == "copy")
    return "It moves values between two backends, and what these do at their ends: 'vitro inspect "
           "MODEL --why' shows which op was refused.";
  if (spot.all.waiting_ms > spot.gain_ms() / 2)
    return fmt::format(
        "Mostly waiting: its loops are too short or too uneven for {}. Compare --threads 1 and "
        "--batch {}, and look at the gaps between the work in --trace.",
        threads_text(report.threads), larger);
  if (spot.layout)
    return "It only moves data. The kernel that reads the result could take the data as they are: "
           "'vitro inspect MODEL --graph' shows which.";
  if (!is_memory_bound(spot.all, report.peaks)) return next_step_of_arithmetic(spot, spots, report);
  if (spot.weight_bytes > spot.all.bytes / 2)
    return fmt::format(
        "Bound by reading {} of weights: --batch {} reads them once for more images.",
        bytes_text(spot.weight_bytes), larger);
  if (traffic_ms(spot.all, report.peaks) < kMostly * spot.all.ms)
    return "Neither memory nor arithmetic fills its time: a profiler of single instructions (perf, "
           "ncu) tells what its kernel waits for.";
  return "Bound by memory: only fusing it with a neighbour would save the traffic.";
}

}  // namespace

std::vector<Advice> profile_advice(const ProfileReport& report) {
  std::vector<Spot> spots = find_spots(report);
  std::stable_sort(spots.begin(), spots.end(),
                   [](const Spot& a, const Spot& b) { return a.gain_ms() > b.gain_ms(); });
  std::vector<Advice> list;
  for (const Spot& spot : spots) {
    if (list.size() == kMaxAdvice || spot.gain_ms() < kWorthMentioning * report.profile.ms) break;
    list.push_back(
        {title(spot), evidence(spot, report), next_step(spot, spots, report), spot.gain_ms()});
  }
  return list;
}

}  // namespace vitro::cli
