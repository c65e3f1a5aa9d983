#pragma once

#include <string>
#include <vector>

namespace vitro::cli {

/// Text in columns; the first row is the heading when there is one.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { add_row(std::move(heading)); }

  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// One line per row, two spaces between columns; a column whose cells below the heading are all
  /// numbers is aligned to the right.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A field of a CSV line (RFC 4180), in quotes where it needs them.
std::string csv_field(std::string text);

/// "name   value" lines, the values aligned; a value of several lines is indented.
std::string fields_text(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace vitro::cli
