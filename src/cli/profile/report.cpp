#include "cli/profile/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/model.h"
#include "cli/profile/advice.h"
#include "core/thread_team.h"
#include "measure/interleave.h"
#include "measure/system_info.h"
#include "vitro/vitro.h"

namespace vitro::cli {
namespace {

/// The ops of a step, in order of execution, each once.
std::vector<std::string> ops_of(const StepInfo& step) {
  std::vector<std::string> ops;
  for (const SectionInfo& section : step.sections)
    if (std::find(ops.begin(), ops.end(), section.op) == ops.end()) ops.emplace_back(section.op);
  return ops;
}

/// The blocks of a step.
std::string blocks_of(const StepInfo& step) {
  const std::string first = block_of(step.sections.front().source);
  const std::string last = block_of(step.sections.back().source);
  return first == last ? first : first + " to " + last;
}

Json rates_json(const ProfileRow& row, const ProfileReport& report) {
  const double seconds = row.ms / 1000;
  const auto percent = [](double part, double whole) { return 100 * part / whole; };
  return {{"ms", row.ms},
          {"percent", percent(row.ms, report.profile.ms)},
          {"waiting_ms", row.waiting_ms},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"gflops_per_s", row.flops / seconds * 1e-9},
          {"percent_of_peak", percent(row.compute_ms, row.ms)},
          {"gbytes_per_s", row.bytes / seconds * 1e-9},
          {"percent_of_bandwidth", percent(row.bytes / seconds, report.peaks.bytes_per_s)},
          {"compute_ms", row.compute_ms},
          {"roofline_ms", row.roofline_ms}};
}

Json sections_json(const ProfileReport& report) {
  Json json = Json::array();
  for (const SectionProfile& section : report.profile.sections) {
    const StepInfo& step = report.profile.step(section);
    const SectionInfo& info = report.profile.info(section);
    json.push_back({{"name", info.source},
                    {"block", block_of(info.source)},
                    {"op", op_label(info)},
                    {"impl", step.impl},
                    {"step", section.step},
                    {"shape", step.output.dims},
                    {"ms", section.time.ms},
                    {"median_ms", section.median_ms},
                    {"waiting_ms", section.time.waiting_ms},
                    {"flops", info.flops},
                    {"bytes", info.bytes},
                    {"compute_ms", compute_ms(info, report.peaks)},
                    {"product", info.product},
                    {"quantized", info.quantized},
                    {"layout", info.layout}});
  }
  return json;
}

Json memory_json(const Executable& program) {
  size_t weights = 0;
  for (const StepInfo& step : program.steps()) weights += step.weight_bytes;
  Json buffers = Json::array();
  for (const ArenaBuffer& buffer : program.arena_buffers())
    buffers.push_back({{"name", buffer.source},
                       {"offset", buffer.offset},
                       {"bytes", buffer.bytes},
                       {"first_step", buffer.first_step},
                       {"last_step", buffer.last_step},
                       {"scratch", buffer.scratch}});
  return {{"arena_bytes", program.memory().arena}, {"weight_bytes", weights}, {"buffers", buffers}};
}

Json advice_json(const ProfileReport& report) {
  Json json = Json::array();
  for (const Advice& advice : profile_advice(report))
    json.push_back({{"title", advice.title},
                    {"evidence", advice.evidence},
                    {"next", advice.next},
                    {"gain_ms", advice.gain_ms}});
  return json;
}

}  // namespace

std::string op_label(const SectionInfo& section) {
  const std::string name = section.op;
  return section.name.empty() ? name : name + "." + section.name;
}

std::string block_of(std::string_view source) {
  size_t begin = 0;
  while (begin < source.size()) {
    const size_t end = std::min(source.find('.', begin), source.size());
    const std::string_view part = source.substr(begin, end - begin);
    if (!part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos)
      return std::string(source.substr(0, end));
    begin = end + 1;
  }
  return stage_of(source);
}

std::string stage_of(std::string_view source) {
  return std::string(source.substr(0, source.find('.')));
}

bool is_merged(const StepInfo& step) {
  std::set<std::string> labels;
  for (const SectionInfo& section : step.sections) labels.insert(op_label(section));
  return labels.size() < step.sections.size() || ops_of(step).size() > 1;
}

double compute_ms(const SectionInfo& section, const Peaks& peaks) {
  double peak = section.product ? peaks.product_flops_per_s : peaks.flops_per_s;
  if (section.quantized && peaks.quantized_flops_per_s > 0) peak = peaks.quantized_flops_per_s;
  return 1000 * section.flops / peak;
}

double roofline_ms(const SectionInfo& section, const Peaks& peaks) {
  return std::max(compute_ms(section, peaks),
                  1000 * static_cast<double>(section.bytes) / peaks.bytes_per_s);
}

void add_section(ProfileRow& row, const SectionTime& time, const SectionInfo& info,
                 const Peaks& peaks) {
  ++row.sections;
  row.ms += time.ms;
  row.waiting_ms += time.waiting_ms;
  row.flops += info.flops;
  row.bytes += static_cast<double>(info.bytes);
  row.compute_ms += compute_ms(info, peaks);
  row.roofline_ms += roofline_ms(info, peaks);
}

std::string row_name(const StepInfo& step, const SectionInfo& section, ProfileGroup group) {
  const bool merged = is_merged(step);
  const std::string op =
      merged ? fmt::format("{}", fmt::join(ops_of(step), " + ")) : op_label(section);
  if (group == ProfileGroup::Op) return op;
  if (group == ProfileGroup::Impl) return step.impl;
  const std::string path = merged                         ? blocks_of(step)
                           : group == ProfileGroup::Block ? block_of(section.source)
                                                          : section.source;
  return path.empty() ? op : path;
}

std::vector<ProfileRow> profile_rows(const ProfileReport& report, ProfileGroup group) {
  std::vector<ProfileRow> rows;
  std::map<std::string, size_t> index;
  for (const SectionProfile& section : report.profile.sections) {
    const SectionInfo& info = report.profile.info(section);
    const std::string name = row_name(report.profile.step(section), info, group);
    const auto [found, is_new] = index.emplace(name, rows.size());
    if (is_new) rows.push_back({.name = name});
    add_section(rows[found->second], section.time, info, report.peaks);
  }
  return rows;
}

ProfileRow profile_total(const ProfileReport& report) {
  ProfileRow total{.name = "total"};
  for (const SectionProfile& section : report.profile.sections)
    add_section(total, section.time, report.profile.info(section), report.peaks);
  return total;
}

double layout_ms(const ProfileReport& report) {
  double ms = 0;
  for (const SectionProfile& section : report.profile.sections)
    if (report.profile.info(section).layout) ms += section.time.ms;
  return ms;
}

std::vector<std::string> profile_notes(const ProfileReport& report) {
  std::vector<std::string> notes;
  if (const int cores = available_cores(); report.threads > cores)
    notes.push_back(fmt::format("{} threads take turns on {} core{}: that shows as waiting",
                                report.threads, cores, cores == 1 ? "" : "s"));
  if (report.busy_elsewhere.value_or(0) > NoiseLimits{}.busy_elsewhere)
    notes.push_back(fmt::format(
        "others used {:.0f} % of the cores meanwhile: that is in the figures, as waiting "
        "and as slow sections",
        100 * *report.busy_elsewhere));
  return notes;
}

Json profile_json(const ProfileReport& report, ProfileGroup group) {
  const Profile& profile = report.profile;
  const Peaks& peaks = report.peaks;
  Json rows = Json::array();
  for (const ProfileRow& row : profile_rows(report, group)) {
    rows.push_back({{"name", row.name}, {"sections", row.sections}});
    rows.back().update(rates_json(row, report));
  }
  Json total = rates_json(profile_total(report), report);
  total["layout_ms"] = layout_ms(report);
  total["between_ms"] = profile.between_ms;
  return {{"model", report.model},
          {"architecture", report.architecture},
          {"backend", report.backend},
          {"precision", report.precision},
          {"batch", report.dims[0]},
          {"shape", report.dims},
          {"threads", report.threads},
          {"cpu", cpu_model()},
          {"isa", report.isa},
          {"version", version()},
          {"busy_elsewhere_percent",
           report.busy_elsewhere ? Json(100 * *report.busy_elsewhere) : Json(nullptr)},
          {"notes", profile_notes(report)},
          {"fallback", fallback_json(report.fallback)},
          {"iterations", profile.runs},
          {"clock", profile.on_device ? "device" : "host"},
          {"median_ms", profile.median_ms},
          {"min_ms", profile.min_ms},
          {"profiled_ms", profile.ms},
          {"overhead_percent", 100 * profile.overhead},
          {"overhead_interval", {100 * profile.overhead_low, 100 * profile.overhead_high}},
          {"peaks",
           {{"gflops_per_s", peaks.flops_per_s * 1e-9},
            {"product_gflops_per_s", peaks.product_flops_per_s * 1e-9},
            {"quantized_gflops_per_s", peaks.quantized_flops_per_s * 1e-9},
            {"gbytes_per_s", peaks.bytes_per_s * 1e-9},
            {"buffer_bytes", peaks.buffer_bytes}}},
          {"total", total},
          {"rows", rows},
          {"sections", sections_json(report)},
          {"advice", advice_json(report)},
          {"memory", memory_json(*profile.program)}};
}

}  // namespace vitro::cli
