#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/output.h"

namespace vitro::cli {

/// Text in columns under a heading.
class Table {
 public:
  /// `optional` are the columns that may be left out of a table that is too wide, the least
  /// important first.
  explicit Table(std::vector<std::string> heading, std::vector<std::string> optional = {})
      : optional_(std::move(optional)) {
    add_row(std::move(heading));
  }

  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// One line per row, two spaces between columns; a column whose cells below the heading are all
  /// numbers is aligned to the right. No line is wider than `width`: cells that are the same in all
  /// rows move into a line above, then optional columns are left out, then long cells lose their
  /// middles. A last line says what was left out and how to see it.
  std::string text(size_t width = output_width()) const;

 private:
  std::vector<std::string> optional_;
  std::vector<std::vector<std::string>> rows_;
};

/// A field of a CSV line (RFC 4180), in quotes where it needs them.
std::string csv_field(std::string text);

/// "name   value" lines, the values aligned; a value of several lines, or of a line that is longer
/// than `width` allows, is indented.
std::string fields_text(const std::vector<std::pair<std::string, std::string>>& fields,
                        size_t width = output_width());

}  // namespace vitro::cli
