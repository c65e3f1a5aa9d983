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

struct Column {
  size_t width = 0;
  bool numeric = true;
};

}  // namespace

std::string Table::text() const {
  std::vector<Column> columns;
  for (size_t r = 0; r < rows_.size(); ++r) {
    columns.resize(std::max(columns.size(), rows_[r].size()));
    for (size_t c = 0; c < rows_[r].size(); ++c) {
      columns[c].width = std::max(columns[c].width, display_width(rows_[r][c]));
      if (r > 0 && !is_number(rows_[r][c])) columns[c].numeric = false;
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(columns[c].width - display_width(row[c]), ' ');
      line += columns[c].numeric ? padding + row[c] : row[c] + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += printable(line) + "\n";
  }
  return text;
}

std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, "\"");
  return "\"" + text + "\"";
}

std::string fields_text(const std::vector<std::pair<std::string, std::string>>& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, display_width(name));
  const std::string indent = "\n" + std::string(width + 2, ' ');
  std::string text;
  for (const auto& [name, value] : fields) {
    std::string shown = printable(value);
    for (size_t at = 0; (at = shown.find('\n', at)) != std::string::npos; at += indent.size())
      shown.replace(at, 1, indent);
    text += name + std::string(width + 2 - display_width(name), ' ') + shown + "\n";
  }
  return text;
}

}  // namespace vitro::cli
