#include "cli/table.h"

#include <algorithm>

#include "cli/output.h"

namespace vitro::cli {
namespace {

/// Columns a terminal needs, taking each UTF-8 character as one wide.
size_t display_width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.+-e%") == std::string::npos;
}

using Rows = std::vector<std::vector<std::string>>;

constexpr size_t kGap = 2;          ///< spaces between columns
constexpr size_t kNarrowest = 8;    ///< of a column whose cells are shortened
constexpr const char* kCut = "..";  ///< in place of the middle of a cell

struct Column {
  size_t width = 0;
  bool numeric = true;
};

std::vector<Column> columns_of(const Rows& rows) {
  std::vector<Column> columns;
  for (size_t r = 0; r < rows.size(); ++r) {
    columns.resize(std::max(columns.size(), rows[r].size()));
    for (size_t c = 0; c < rows[r].size(); ++c) {
      columns[c].width = std::max(columns[c].width, display_width(rows[r][c]));
      if (r > 0 && !is_number(rows[r][c])) columns[c].numeric = false;
    }
  }
  return columns;
}

size_t total_width(const Rows& rows) {
  size_t width = 0;
  for (const Column& column : columns_of(rows)) width += column.width + kGap;
  return width == 0 ? 0 : width - kGap;
}

void erase_column(Rows& rows, size_t column) {
  for (auto& row : rows)
    if (column < row.size()) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
}

/// Whether `column` has the same short text in all rows, or the same count.
bool is_common(const Rows& rows, size_t column, bool counts) {
  const std::string& first = rows[1][column];
  const bool is_count =
      !first.empty() && first.find_first_not_of("0123456789") == std::string::npos;
  if (rows[0][column].empty() || first.empty() || display_width(first) > 2 * kNarrowest ||
      (counts ? !is_count : is_number(first)))
    return false;
  return std::all_of(rows.begin() + 1, rows.end(),
                     [&](const auto& row) { return row.size() > column && row[column] == first; });
}

/// Moves cells that are the same in all rows out of a table that is too wide, texts first:
/// "backend cpu, precision fp32, batch 8".
std::string move_common_out(Rows& rows, size_t width) {
  std::string common;
  for (const bool counts : {false, true})
    for (size_t c = 0; rows.size() > 1 && c < rows[1].size() && total_width(rows) > width;) {
      if (!is_common(rows, c, counts)) {
        ++c;
        continue;
      }
      common += (common.empty() ? "" : ", ") + rows[0][c] + " " + rows[1][c];
      erase_column(rows, c);
    }
  return common;
}

/// Cuts whole characters of UTF-8 out of the middle.
std::string shortened(const std::string& text, size_t width) {
  if (display_width(text) <= width) return text;
  const size_t kept = width - std::string_view(kCut).size();
  std::string head, tail;
  size_t at = 0, seen = 0;
  const size_t total = display_width(text), last = kept - kept / 2;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80) ++seen;
    if (seen <= kept / 2) head += text[at];
    if (seen > total - last) tail += text[at];
  }
  return head + kCut + tail;
}

/// Takes from the widest column until all fit; whether that was needed.
bool shorten_cells(Rows& rows, size_t width) {
  std::vector<Column> columns = columns_of(rows);
  size_t total = total_width(rows);
  bool cut = false;
  while (total > width) {
    const auto widest =
        std::max_element(columns.begin(), columns.end(),
                         [](const Column& a, const Column& b) { return a.width < b.width; });
    if (widest->width <= kNarrowest) break;
    --widest->width;
    --total;
    cut = true;
  }
  for (auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) row[c] = shortened(row[c], columns[c].width);
  return cut;
}

std::string lines_text(const Rows& rows) {
  const std::vector<Column> columns = columns_of(rows);
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(columns[c].width - display_width(row[c]), ' ');
      line += columns[c].numeric ? padding + row[c] : row[c] + padding;
      line += std::string(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += printable(line) + "\n";
  }
  return text;
}

}  // namespace

std::string Table::text(size_t width) const {
  Rows rows = rows_;
  const size_t whole = total_width(rows);
  const std::string common = move_common_out(rows, width);
  std::string left_out;
  for (const std::string& name : optional_) {
    if (total_width(rows) <= width) break;
    const auto found = std::find(rows[0].begin(), rows[0].end(), name);
    if (found == rows[0].end()) continue;
    left_out += (left_out.empty() ? "" : ", ") + name;
    erase_column(rows, static_cast<size_t>(found - rows[0].begin()));
  }
  const bool cut = shorten_cells(rows, width);
  std::string text = common.empty() ? "" : wrapped("all: " + printable(common), width) + "\n";
  text += lines_text(rows);
  if (!left_out.empty() || cut)
    text += wrapped(fmt::format("({}{}{} to fit {} columns; COLUMNS={} or --json shows all)",
                                left_out, left_out.empty() ? "" : " left out",
                                !cut               ? ""
                                : left_out.empty() ? "cells shortened"
                                                   : ", cells shortened",
                                width, whole),
                    width) +
            "\n";
  return text;
}

std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, "\"");
  return "\"" + text + "\"";
}

std::string fields_text(const std::vector<std::pair<std::string, std::string>>& fields,
                        size_t width) {
  size_t names = 0;
  for (const auto& [name, value] : fields) names = std::max(names, display_width(name));
  const std::string indent = "\n" + std::string(names + kGap, ' ');
  std::string text;
  for (const auto& [name, value] : fields) {
    std::string shown = wrapped(printable(value), width - std::min(width / 2, names + kGap));
    for (size_t at = 0; (at = shown.find('\n', at)) != std::string::npos; at += indent.size())
      shown.replace(at, 1, indent);
    text += name + std::string(names + kGap - display_width(name), ' ') + shown + "\n";
  }
  return text;
}

}  // namespace vitro::cli
