#include "image/text_list.h"

#include <algorithm>
#include <charconv>

#include "core/check.h"

namespace vitro {

std::vector<std::string_view> split_lines(std::string_view text, const std::string& list) {
  check(!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff"), ErrorCode::CorruptFile,
        "{} is UTF-16, expected UTF-8", list);
  check(text.find('\0') == std::string_view::npos, ErrorCode::CorruptFile,
        "{} has bytes of 0, expected text", list);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + (text.substr(end).starts_with("\r\n") ? 2 : 1), text.size()));
  }
  while (!lines.empty() && trimmed(lines.back(), " \t").empty()) lines.pop_back();
  check(!lines.empty(), ErrorCode::CorruptFile, "{} is empty, expected lines of text", list);
  // A line without a class would shift all behind it.
  const auto blank = std::find_if(lines.begin(), lines.end(), [](std::string_view line) {
    return trimmed(line, " \t").empty();
  });
  check(blank == lines.end(), ErrorCode::CorruptFile, "{}: line {} is blank", list,
        blank - lines.begin() + 1);
  return lines;
}

std::string_view trimmed(std::string_view text, std::string_view letters) {
  const size_t first = text.find_first_not_of(letters);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(letters) + 1 - first);
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace vitro
