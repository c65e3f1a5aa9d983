#include "runtime/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vitro {
namespace {

using Row = std::array<std::string, 6>;
constexpr size_t kMeasured = 4, kRefused = 5;

/// "390 us; cpu:mlp_banded 412": the one that runs, then the next fastest ones.
std::string measured_text(const Dispatch& dispatch) {
  constexpr size_t kMostOthers = 2;
  if (!dispatch.tactic || !dispatch.chosen) return "";
  const std::string chosen = dispatch.chosen;
  if (dispatch.tactic->impl != chosen)
    return fmt::format("not used: {}, which this version {}", dispatch.tactic->impl,
                       dispatch.refused.empty() ? "does not have" : "refuses");
  std::vector<Tactic::Timing> timings = dispatch.tactic->timings;
  std::stable_sort(timings.begin(), timings.end(), [&](const auto& a, const auto& b) {
    if ((a.impl == chosen) != (b.impl == chosen)) return a.impl == chosen;
    return a.microseconds < b.microseconds;
  });
  timings.resize(std::min(timings.size(), 1 + kMostOthers));
  std::string text;
  for (const auto& [impl, us] : timings)
    text += impl == chosen ? fmt::format("{:.0f} us", us) : fmt::format("; {} {:.0f}", impl, us);
  return text;
}

Row dispatch_row(const Dispatch& dispatch) {
  std::string op = dispatch.op;
  for (const char* behind : dispatch.absorbed) op += fmt::format(" + {}", behind);
  Row row{op,
          dispatch.source,
          to_string(dispatch.output),
          dispatch.chosen ? dispatch.chosen : "its body",
          measured_text(dispatch),
          ""};
  for (const auto& [impl, reason] : dispatch.refused)
    row[kRefused] += fmt::format("{}{}: {}", row[kRefused].empty() ? "" : "; ", impl, reason);
  return row;
}

}  // namespace

std::string dispatch_text(std::span<const Dispatch> dispatches) {
  std::vector<Row> rows{{"op", "module", "result", "runs on", "measured", ""}};
  for (const Dispatch& dispatch : dispatches) rows.push_back(dispatch_row(dispatch));
  std::array<size_t, kRefused> widths{};
  for (const Row& row : rows)
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  const bool measured = std::any_of(rows.begin() + 1, rows.end(),
                                    [](const Row& row) { return !row[kMeasured].empty(); });
  std::string text;
  for (const Row& row : rows) {
    for (size_t c = 0; c < widths.size(); ++c)
      if (c != kMeasured || measured) text += fmt::format("{:<{}}  ", row[c], widths[c]);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    if (&row == &rows.front()) continue;
    // On lines of their own: they are long.
    const Dispatch& dispatch = dispatches[static_cast<size_t>(&row - &rows.front()) - 1];
    if (!dispatch.choices.empty()) text += fmt::format("  with: {}\n", dispatch.choices);
    if (!row[kRefused].empty()) text += fmt::format("  refused: {}\n", row[kRefused]);
  }
  return text;
}

std::string near_misses_text(std::span<const NearMiss> misses) {
  std::string text;
  for (const NearMiss& miss : misses)
    text += fmt::format("not fused: {} '{}': {}\n", miss.pattern, miss.source, miss.reason);
  return text;
}

std::string tactics_text(const Tactics& tactics, const TacticSetting& setting,
                         std::span<const Dispatch> dispatches) {
  const auto name = [](const TacticSetting& one) {
    return fmt::format("'{}' with threads: {}", one.machine, one.threads);
  };
  if (!tactics.contains(setting)) {
    std::string others;
    for (const auto& [other, table] : tactics) others += (others.empty() ? "" : ", ") + name(other);
    return fmt::format("tactics: none for {}; the plan has some for {}\n", name(setting), others);
  }
  const auto found =
      std::count_if(dispatches.begin(), dispatches.end(),
                    [](const Dispatch& dispatch) { return dispatch.tactic.has_value(); });
  return fmt::format("tactics: of {} ops of {}, measured on {}\n", found, dispatches.size(),
                     name(setting));
}

}  // namespace vitro
