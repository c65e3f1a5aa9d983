#include "cli/validators.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

namespace vitro::cli {

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

CLI::Validator integer_between(int64_t minimum, int64_t maximum) {
  return CLI::Validator(
      [minimum, maximum](std::string& text) {
        const auto value = parse_integer(text);
        if (value && *value >= minimum && *value <= maximum) return std::string();
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        if (!text.empty() && digits && !value)
          return fmt::format("got '{}', more than the largest integer, {}", text,
                             std::numeric_limits<int64_t>::max());
        if (maximum == std::numeric_limits<int64_t>::max())
          return fmt::format("got '{}', expected an integer of at least {}", text, minimum);
        return fmt::format("got '{}', expected an integer from {} to {}", text, minimum, maximum);
      },
      "N");
}

CLI::Validator number_between(double minimum, double maximum) {
  return CLI::Validator(
      [minimum, maximum](std::string& text) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        if (whole && value >= minimum && value <= maximum) return std::string();  // NaN is not
        return fmt::format("got '{}', expected a number from {} to {}", text, minimum, maximum);
      },
      "NUMBER");
}

CLI::Validator percentage() {
  return CLI::Validator(
      [](std::string& text) {
        const bool marked = text.ends_with('%');
        std::string number = marked ? text.substr(0, text.size() - 1) : text;
        if (std::string error = number_between(0, 100)(number); !error.empty())
          return fmt::format("got '{}', expected a percentage from 0 to 100, such as 65 or 65%",
                             text);
        const double value = std::stod(number);
        if (marked || value == 0 || value >= 1) return std::string();
        return fmt::format(
            "got '{0}', which is less than one percent; write {1:g} for {1:g} %, or {0}% for {0} %",
            text, 100 * value);
      },
      "PERCENT");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  const std::string known = fmt::format("{}", fmt::join(names, "|"));
  return CLI::Validator(
      [names, known](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        return fmt::format("got '{}', expected {}", text, known);
      },
      known);
}

CLI::Validator byte_count() {
  return CLI::Validator(
      [](std::string& text) {
        std::string bytes = text;
        try {
          if (CLI::AsSizeValue(false)(bytes).empty() && parse_integer(bytes).value_or(0) > 0) {
            text = bytes;
            return std::string();
          }
        } catch (const CLI::ValidationError&) {  // a unit that there is not
        }
        return fmt::format("got '{}', expected bytes, at least 1, such as 500MB or 2GiB", text);
      },
      "BYTES");
}

CLI::Validator positive_integer() {
  return integer_between(1, std::numeric_limits<int64_t>::max());
}

}  // namespace vitro::cli
