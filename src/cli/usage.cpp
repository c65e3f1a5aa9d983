#include "cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <numeric>

#include "cli/output.h"

namespace vitro::cli {
namespace {

constexpr size_t kMaxEdits = 2;

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

void report_unexpected(const CLI::App& verb, const std::string& argument) {
  const bool is_option = argument.starts_with('-') && argument != "-";
  const std::string name = argument.substr(0, argument.find('='));
  const std::string meant = is_option ? nearest(name, option_names(verb)) : std::string();
  report_error(
      fmt::format("{} '{}'", is_option ? "unknown option" : "unexpected argument",
                  is_option ? name : argument),
      fmt::format("{}see 'vitro {} --help'",
                  meant.empty() ? "" : fmt::format("did you mean '{}'? ", meant), verb.get_name()));
}

/// Whether all of "-qh" are options of one letter; one that takes a value takes the rest.
bool is_cluster(const CLI::App& verb, std::string_view argument) {
  for (const char letter : argument.substr(1)) {
    const CLI::Option* option = verb.get_option_no_throw(std::string{'-', letter});
    if (!option) return false;
    if (option->get_items_expected_max() > 0) return true;
  }
  return true;
}

}  // namespace

std::string nearest(std::string_view given, const std::vector<std::string>& known) {
  const auto best = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return edit_distance(given, a) < edit_distance(given, b);
  });
  return best != known.end() && edit_distance(given, *best) <= kMaxEdits ? *best : std::string();
}

bool report_bad_start(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) {
    report_error("a verb is required", "see 'vitro --help'");
    return true;
  }
  const std::string first = argv[1];
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const bool is_option = first.starts_with('-');
  const bool known = is_option ? app.get_option_no_throw(first) != nullptr
                               : std::find(verbs.begin(), verbs.end(), first) != verbs.end();
  if (known) return false;
  const std::string meant = is_option ? std::string() : nearest(first, verbs);
  if (is_option)
    report_error(fmt::format("unknown option '{}' before the verb", first),
                 "options follow the verb: vitro VERB --option; see 'vitro --help'");
  else
    report_error(
        fmt::format("unknown verb '{}'", first),
        meant.empty() ? "see 'vitro --help'" : fmt::format("did you mean 'vitro {}'?", meant));
  return true;
}

bool report_single_dash(const CLI::App& app, int argc, char** argv) {
  const auto verbs = app.get_subcommands({});
  const auto found = std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* verb) {
    return verb->get_name() == argv[1];
  });
  if (found == verbs.end()) return false;
  const CLI::App* const verb = *found;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--") return false;
    if (argument.size() < 3 || argument[0] != '-' ||
        !std::isalpha(static_cast<unsigned char>(argument[1])))
      continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (is_cluster(*verb, argument) && !verb->get_option_no_throw("-" + name)) continue;
    report_unexpected(*verb, argument);
    return true;
  }
  return false;
}

void report_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  if (!chosen.empty() && dynamic_cast<const CLI::ExtrasError*>(&error)) {
    const std::vector<std::string> extras = app.remaining(true);
    if (!extras.empty()) return report_unexpected(*chosen.front(), extras.front());
  }
  std::string line = error.what();
  line.erase(line.find_last_not_of(" \n") + 1);
  const std::string verb = chosen.empty() ? "" : chosen.front()->get_name() + " ";
  report_error(line, fmt::format("see 'vitro {}--help'", verb));
}

}  // namespace vitro::cli
