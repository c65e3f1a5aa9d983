#include "runtime/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ir/op_info.h"

namespace vitro {
namespace {

using Row = std::array<std::string, 5>;

Row dispatch_row(const Dispatch& dispatch) {
  Row row{op_info(dispatch.kind).name, dispatch.source, to_string(dispatch.output), "its body", ""};
  for (const auto& [impl, refusal] : dispatch.answers) {
    if (refusal.empty())
      row[3] = impl;
    else
      row[4] += fmt::format("{}{}: {}", row[4].empty() ? "" : "; ", impl, refusal);
  }
  return row;
}

}  // namespace

bool is_inlined(const Dispatch& dispatch) {
  return dispatch.answers.empty() || !dispatch.answers.back().refusal.empty();
}

std::string dispatch_text(std::span<const Dispatch> dispatches) {
  std::vector<Row> rows{{"op", "module", "result", "runs on", "refused"}};
  for (const Dispatch& dispatch : dispatches) rows.push_back(dispatch_row(dispatch));
  std::array<size_t, 4> widths{};
  for (const Row& row : rows)
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const Row& row : rows) {
    for (size_t c = 0; c < widths.size(); ++c) text += fmt::format("{:<{}}  ", row[c], widths[c]);
    text += row.back();
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace vitro
