#include "core/json.h"

#include <fmt/format.h>

namespace vitro {
namespace {

/// What lies between two parts of a text; empty unless both are there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  const size_t end = text.find(after);
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

}  // namespace

std::string json_problem(std::string_view what) {
  const std::string_view line = between(what, " at line ", ","),
                         column = between(what, "column ", ":");
  if (!line.empty() && !column.empty())
    return fmt::format("not valid JSON at line {}, column {}", line, column);
  if (what.find("number overflow") != std::string_view::npos)
    return "not valid JSON: a number is too large";
  if (const std::string_view key = between(what, "key '", "' not found"); !key.empty())
    return fmt::format("'{}' is missing", key);
  if (const std::string_view wanted = between(what, "type must be ", ", but is "); !wanted.empty())
    return fmt::format("a value is {}, expected {}", what.substr(what.rfind(' ') + 1), wanted);
  if (what.find("parse_error") != std::string_view::npos) return "not valid JSON";
  return "a value is not of the kind that is expected there";
}

}  // namespace vitro
