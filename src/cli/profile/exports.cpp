#include "cli/profile/exports.h"

#include <nlohmann/json.hpp>

#include "vitro/vitro.h"

namespace vitro::cli {
namespace {

/// A stretch of time in which a thread worked on one section.
struct Work {
  size_t step, section;
  int64_t begin_ns, end_ns;
};

std::vector<Work> work_of(const RunTrace& trace, size_t thread) {
  std::vector<Work> list;
  const auto& marks = trace.marks[thread];
  for (size_t i = 0; i + 1 < marks.size(); ++i) {
    const Timeline::Mark &mark = marks[i], &next = marks[i + 1];
    if (mark.section == Timeline::kIdle || mark.ns == next.ns) continue;
    const auto step = static_cast<size_t>(mark.step), section = static_cast<size_t>(mark.section);
    Work* last = list.empty() ? nullptr : &list.back();
    if (last && last->step == step && last->section == section && last->end_ns == mark.ns)
      last->end_ns = next.ns;
    else
      list.push_back({step, section, mark.ns, next.ns});
  }
  return list;
}

double microseconds(int64_t ns) { return static_cast<double>(ns) * 1e-3; }

Json metadata(const char* kind, int thread, const std::string& name) {
  return {{"ph", "M"}, {"name", kind}, {"pid", 1}, {"tid", thread}, {"args", {{"name", name}}}};
}

/// By section: the names of its rows, by group.
Json row_names(const Profile& profile) {
  Json list = Json::array();
  for (const SectionProfile& section : profile.sections) {
    const auto name = [&](ProfileGroup group) {
      return row_name(profile.step(section), profile.info(section), group);
    };
    list.push_back({{"module", name(ProfileGroup::Module)},
                    {"op", name(ProfileGroup::Op)},
                    {"impl", name(ProfileGroup::Impl)},
                    {"block", name(ProfileGroup::Block)}});
  }
  return list;
}

/// The median run for the page: all times in microseconds from its begin.
Json timeline_json(const Profile& profile) {
  const RunTrace& trace = profile.trace;
  std::vector<size_t> first_section;  // by step
  size_t count = 0;
  const Executable& program = *profile.program;
  for (const StepInfo& step : program.steps()) {
    first_section.push_back(count);
    count += step.sections.size();
  }
  Json steps = Json::array(), threads = Json::array();
  for (const StepSpan& step : trace.steps)
    steps.push_back(
        {microseconds(step.begin_ns - trace.begin_ns), microseconds(step.end_ns - trace.begin_ns)});
  for (size_t thread = 0; thread < trace.marks.size(); ++thread) {
    Json list = Json::array();
    size_t last_step = SIZE_MAX;
    for (const Work& work : work_of(trace, thread)) {
      const double end = microseconds(work.end_ns - trace.begin_ns);
      if (work.step == last_step && is_merged(program.steps()[work.step]))
        list.back()[2] = end;
      else
        list.push_back({first_section[work.step] + work.section,
                        microseconds(work.begin_ns - trace.begin_ns), end});
      last_step = work.step;
    }
    threads.push_back(std::move(list));
  }
  return {{"us", microseconds(trace.end_ns - trace.begin_ns)},
          {"steps", std::move(steps)},
          {"threads", std::move(threads)}};
}

/// Puts `text` in the place of the one `marker`.
void fill(std::string& page, std::string_view marker, std::string_view text) {
  page.replace(page.find(marker), marker.size(), text);
}

/// JSON that may stand in a script element: nothing in it can end the element.
std::string script_safe(const Json& json) {
  std::string safe;
  for (char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<' || c == '>' || c == '&')
      safe += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      safe += c;
  }
  return safe;
}

// The files of this folder, built in (CMakeLists.txt).
#include "cli/profile/page.inc"

}  // namespace

Json trtexec_profile(const ProfileReport& report) {
  const Profile& profile = report.profile;
  Json json = Json::array({{{"count", profile.runs}}});
  for (const SectionProfile& section : profile.sections)
    json.push_back({{"name", profile.info(section).source},
                    {"timeMs", section.time.ms * static_cast<double>(profile.runs)},
                    {"averageMs", section.time.ms},
                    {"medianMs", section.median_ms},
                    {"percentage", 100 * section.time.ms / profile.ms}});
  return json;
}

Json chrome_trace(const ProfileReport& report) {
  const Profile& profile = report.profile;
  const auto steps = profile.program->steps();
  Json events = Json::array({metadata("process_name", 0, report.model)});
  for (size_t thread = 0; thread < profile.trace.marks.size(); ++thread) {
    const int id = static_cast<int>(thread);
    const std::string name = profile.on_device ? "device"
                             : thread == 0     ? "thread 0 (caller)"
                                               : fmt::format("thread {}", id);
    events.push_back(metadata("thread_name", id, name));
    for (const Work& work : work_of(profile.trace, thread)) {
      const StepInfo& step = steps[work.step];
      const SectionInfo& section = step.sections[work.section];
      events.push_back({{"ph", "X"},
                        {"name", section.source},
                        {"cat", op_label(section)},
                        {"pid", 1},
                        {"tid", id},
                        {"ts", microseconds(work.begin_ns - profile.trace.begin_ns)},
                        {"dur", microseconds(work.end_ns - work.begin_ns)},
                        {"args",
                         {{"source", section.source},
                          {"op", op_label(section)},
                          {"impl", step.impl},
                          {"flops", section.flops},
                          {"bytes", section.bytes},
                          {"shape", to_string(step.output.dims)},
                          {"step", work.step}}}});
    }
  }
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
}

std::string html_report(const ProfileReport& report) {
  Json data = profile_json(report, ProfileGroup::Module);
  data["timeline"] = timeline_json(report.profile);
  data["row_names"] = row_names(report.profile);
  std::string page(kPageHtml);
  fill(page, "/*style*/", kPageStyle);
  fill(page, "/*script*/", kPageScript);
  fill(page, "/*data*/", script_safe(data));
  return page;
}

}  // namespace vitro::cli
