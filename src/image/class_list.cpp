#include "image/class_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <unordered_map>
#include <utility>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/json.h"
#include "image/text_list.h"

namespace vitro {
namespace {

using nlohmann::json;

constexpr const char* kForms =
    "a class a line: 'id', 'id<TAB>name', 'n02124075 name' or '0,name'; or JSON: {\"0\": "
    "[\"n02124075\", \"name\"], ...}";
constexpr std::string_view kSeparators = " \t,:";
constexpr size_t kMaxNameBytes = 4096;

/// A class as a list says it.
struct Row {
  std::optional<int64_t> index;  ///< nothing: the lines count
  std::string id, label;
  bool has_id = true;  ///< false: the id is only the name
};
using Rows = std::vector<Row>;
using Lines = std::span<const std::string_view>;

/// The content of a field of CSV.
std::string unquoted(std::string_view field) {
  field = trimmed(field, " \t");
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  std::string text(field.substr(1, field.size() - 2));
  for (size_t at = 0; (at = text.find("\"\"", at)) != std::string::npos; ++at) text.erase(at, 1);
  return text;
}

/// Text up to a separator, and what follows the separators.
std::pair<std::string_view, std::string_view> first_word(std::string_view line) {
  const size_t end = std::min(line.find_first_of(kSeparators), line.size());
  return {line.substr(0, end), trimmed(line.substr(end), kSeparators)};
}

/// An id of WordNet: "n02124075".
bool is_synset(std::string_view word) {
  return word.size() == 9 && word[0] == 'n' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Row name_row(std::string text) {
  const bool has_id = is_synset(text);
  return {std::nullopt, text, text, has_id};
}

/// "n02124075" or "n02124075 Egyptian cat".
std::optional<Row> synset_row(std::string_view line) {
  const auto [id, name] = first_word(trimmed(line, " \t"));
  if (!is_synset(id)) return std::nullopt;
  return Row{std::nullopt, std::string(id), name.empty() ? std::string(id) : unquoted(name)};
}

/// "n02124075,0" or "n02124075 0 Egyptian cat".
std::optional<Row> numbered_synset_row(std::string_view line) {
  const auto [id, rest] = first_word(trimmed(line, " \t"));
  const auto [number, name] = first_word(rest);
  const auto index = whole_number(unquoted(number));
  if (!is_synset(id) || !index) return std::nullopt;
  return Row{index, std::string(id), name.empty() ? std::string(id) : unquoted(name)};
}

/// "0 n02124075 Egyptian cat", "0,Egyptian cat" or "0: cat".
std::optional<Row> numbered_row(std::string_view line) {
  const auto [word, rest] = first_word(trimmed(line, " \t"));
  const auto index = whole_number(unquoted(word));
  if (!index || rest.empty()) return std::nullopt;
  Row row = synset_row(rest).value_or(name_row(unquoted(rest)));
  row.index = index;
  return row;
}

/// "Egyptian cat,0" or "cat<TAB>0".
std::optional<Row> row_with_number_behind(std::string_view line) {
  const size_t separator = line.find_last_of(",\t");
  if (separator == std::string_view::npos || separator == 0) return std::nullopt;
  Row row = name_row(unquoted(line.substr(0, separator)));
  row.index = whole_number(unquoted(line.substr(separator + 1)));
  return row.index ? std::optional(row) : std::nullopt;
}

/// "cat<TAB>Egyptian cat", or one text.
Row plain_row(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return name_row(std::string(trimmed(line, " ")));
  return {std::nullopt, std::string(trimmed(line.substr(0, tab), " ")),
          std::string(trimmed(line.substr(tab + 1), " "))};
}

/// Nothing when a line has another form.
std::optional<Rows> rows_of(Lines lines, std::optional<Row> (*parse)(std::string_view)) {
  Rows rows;
  for (const std::string_view line : lines) {
    std::optional<Row> row = parse(line);
    if (!row) return std::nullopt;
    rows.push_back(std::move(*row));
  }
  return rows;
}

bool all_have_ids(const Rows& rows) { return std::ranges::all_of(rows, &Row::has_id); }

/// Whether the numbers of the rows are those from 0 on, in any order. Rows without are counted.
bool is_counted(const Rows& rows) {
  std::vector<bool> seen(rows.size());
  for (const Row& row : rows) {
    if (!row.index) return true;
    const auto i = static_cast<size_t>(*row.index);
    if (*row.index < 0 || i >= rows.size() || seen[i]) return false;
    seen[i] = true;
  }
  return true;
}

[[noreturn]] void fail_numbers(const Rows& rows, const std::string& list) {
  const auto [least, most] = std::minmax_element(
      rows.begin(), rows.end(), [](const Row& a, const Row& b) { return *a.index < *b.index; });
  fail_hint(ErrorCode::CorruptFile,
            "number the classes as the outputs of the model are numbered, from 0",
            "class list '{}': {} classes with the numbers {} to {}, expected 0 to {}, each once",
            list, rows.size(), *least->index, *most->index, rows.size() - 1);
}

/// Rows that say a number each, or begin with an id; nothing when the lines are plain names.
std::optional<Rows> structured_rows(Lines lines, const std::string& list) {
  const bool tabs = lines[0].find('\t') != std::string_view::npos;
  for (const auto parse : {numbered_row, numbered_synset_row, synset_row, row_with_number_behind}) {
    auto rows = rows_of(lines, parse);
    // "0<TAB>cat" has the id 0, which may be the name of a directory.
    if (!rows || (tabs && parse == numbered_row && !all_have_ids(*rows))) continue;
    if (is_counted(*rows)) return rows;
    // Names may begin or end with numbers: "5 euro", "10 euro". Not where ids or commas say that
    // the numbers count.
    const bool commas = std::all_of(lines.begin(), lines.end(), [](std::string_view line) {
      return line.find_first_of(",:") != std::string_view::npos;
    });
    if (all_have_ids(*rows) || commas) fail_numbers(*rows, list);
  }
  return std::nullopt;
}

/// What a plan is written as can hold nothing else.
bool is_utf8(std::string_view text) {
  try {
    json(std::string(text)).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

Rows rows_of_lines(std::string_view text, const std::string& list) {
  const std::vector<std::string_view> lines =
      split_lines(text, fmt::format("class list '{}'", list));
  check(is_utf8(text), ErrorCode::CorruptFile, "class list '{}' is not UTF-8", list);
  const Lines all = lines;
  const bool heading = all.size() > 1 && all[0].find(',') != std::string_view::npos &&
                       !numbered_row(all[0]) && !synset_row(all[0]) &&
                       !row_with_number_behind(all[0]);
  if (auto rows = structured_rows(heading ? all.subspan(1) : all, list)) return *rows;
  Rows rows;
  for (const std::string_view line : all) {
    rows.push_back(plain_row(line));
    check(!rows.back().id.empty(), ErrorCode::CorruptFile,
          "class list '{}': line {} has no name before the tab", list, rows.size());
  }
  return rows;
}

/// "cat" or ["n02124075", "cat"].
Row row_of_json(const json& value, const std::string& list) {
  if (value.is_string()) return name_row(value.get<std::string>());
  const bool is_pair = value.is_array() && !value.empty() && value[0].is_string() &&
                       (value.size() == 1 || value[1].is_string());
  if (!is_pair)
    fail_hint(ErrorCode::CorruptFile, fmt::format("expected is {}", kForms),
              "class list '{}': a class is {:.80}", list,
              value.dump(-1, ' ', false, json::error_handler_t::replace));
  return {std::nullopt, value[0].get<std::string>(), value.back().get<std::string>()};
}

/// {"0": "cat"} or {"cat": 0}.
Row row_of_json(const std::string& key, const json& value, const std::string& list) {
  const bool is_number = value.is_number_integer();
  Row row = is_number ? name_row(key) : row_of_json(value, list);
  row.index = is_number ? json_integer<int64_t>(value) : whole_number(key);
  if (!row.index)
    fail_hint(ErrorCode::CorruptFile, fmt::format("expected is {}", kForms),
              "class list '{}': '{:.80}' has no number", list, key);
  return row;
}

Rows rows_of_json(std::string_view text, const std::string& list) {
  const json root = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded())
    fail_hint(ErrorCode::CorruptFile, fmt::format("expected is {}", kForms),
              "class list '{}' begins like JSON and is none", list);
  Rows rows;
  if (root.is_array())
    for (const json& value : root) rows.push_back(row_of_json(value, list));
  if (root.is_object())
    for (const auto& [key, value] : root.items()) rows.push_back(row_of_json(key, value, list));
  check(!rows.empty(), ErrorCode::CorruptFile, "class list '{}' has no classes", list);
  if (!is_counted(rows)) fail_numbers(rows, list);
  return rows;
}

}  // namespace

ClassNames parse_class_list(std::string_view text, const std::string& list) {
  const size_t start = text.find_first_not_of("\xef\xbb\xbf \t\r\n");
  const bool is_json =
      start != std::string_view::npos && (text[start] == '{' || text[start] == '[');
  Rows rows = is_json ? rows_of_json(text.substr(start), list) : rows_of_lines(text, list);
  const bool has_ids = std::ranges::any_of(rows, &Row::has_id);
  ClassNames names;
  names.ids.resize(rows.size());
  names.labels.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto at = static_cast<size_t>(rows[i].index.value_or(static_cast<int64_t>(i)));
    names.ids[at] = std::move(rows[i].id);
    names.labels[at] = std::move(rows[i].label);
  }
  for (const auto* column : {&names.ids, &names.labels})
    for (const std::string& name : *column)
      check(name.size() <= kMaxNameBytes, ErrorCode::CorruptFile,
            "class list '{}': a name of {} bytes, expected at most {}", list, name.size(),
            kMaxNameBytes);
  if (has_ids) check_unique(names.ids, list);
  return names;
}

ClassNames read_class_list(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxListBytes);
  return parse_class_list(as_text(bytes), path.string());
}

void check_unique(const std::vector<std::string>& names, const std::string& list) {
  std::unordered_map<std::string_view, size_t> places;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto [found, is_new] = places.emplace(names[i], i);
    check(is_new, ErrorCode::InvalidArgument,
          "'{}': '{:.200}' stands twice, as class {} and as class {}", list, names[i],
          found->second, i);
  }
}

ClassFinder::ClassFinder(const ClassNames& classes) {
  const auto index_of = [](const std::vector<std::string>& names) {
    std::unordered_map<std::string_view, std::optional<int>> indices;
    for (const std::string& name : names) {
      const auto [found, is_new] = indices.emplace(name, &name - names.data());
      if (!is_new) found->second.reset();
    }
    return indices;
  };
  indices_ = index_of(classes.ids);
  indices_.merge(index_of(classes.labels));  // keeps what is there
}

std::optional<int> ClassFinder::find(std::string_view name) const {
  const auto found = indices_.find(name);
  return found == indices_.end() ? std::nullopt : found->second;
}

std::optional<std::string> order_contradiction(const ClassNames& names, const ClassNames& known) {
  const ClassFinder finder(known);
  size_t common = 0, elsewhere = 0, first = 0;
  int there = 0;
  for (size_t i = 0; i < names.ids.size(); ++i) {
    std::optional<int> index = finder.find(names.ids[i]);
    if (!index && i < names.labels.size()) index = finder.find(names.labels[i]);
    if (!index) continue;
    ++common;
    if (*index == static_cast<int>(i)) continue;
    if (elsewhere++ == 0) first = i, there = *index;
  }
  if (elsewhere == 0) return std::nullopt;
  return fmt::format(
      "{} of {} common names stand elsewhere than in the model's own list: '{}' is class {} here "
      "and class {} there",
      elsewhere, common, names.ids[first], first, there);
}

}  // namespace vitro
