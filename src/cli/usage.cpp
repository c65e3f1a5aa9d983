#include "cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "cli/output.h"
#include "cli/vocabulary.h"
#include "core/edit_distance.h"
#include "core/log.h"

namespace vitro::cli {
namespace {

constexpr size_t kMaxEdits = 2;

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

void report_usage(const std::string& message, const std::string& hint) {
  report_error(message, hint, "Usage");
}

bool is_option(const std::string& word) { return word.starts_with('-') && word != "-"; }

void report_unexpected(const CLI::App& verb, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  std::string meant;
  if (is_option(word)) {
    const std::string near = nearest(name, option_names(verb));
    const std::string foreign = foreign_option(name);
    meant = near.empty() ? foreign : fmt::format("did you mean '{}'?", near);
    if (!foreign.empty()) meant = foreign;
  }
  report_usage(fmt::format("{} '{}'", is_option(word) ? "unknown option" : "unexpected argument",
                           is_option(word) ? name : word),
               fmt::format("{}{}see 'vitro {} --help'", meant,
                           meant.empty()          ? ""
                           : meant.ends_with('?') ? " "
                                                  : "; ",
                           verb.get_name()));
}

const CLI::App* verb_named(const CLI::App& app, const std::string& name) {
  for (const CLI::App* verb : app.get_subcommands({}))
    if (verb->get_name() == name) return verb;
  return nullptr;
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

namespace {

/// The verbs that take trtexec's command lines.
bool is_trtexec_verb(const std::vector<std::string>& words) {
  return words[0] == "build" || words[0] == "bench";
}

}  // namespace

std::vector<std::string> model_as_argument(std::vector<std::string> words) {
  // Behind the verb, in the order in which they were given.
  size_t place = 1;
  for (size_t i = 1; i < words.size() && words[i] != "--"; ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    const bool is_trtexec = (name == "--onnx" || name == "--loadEngine") && is_trtexec_verb(words);
    if (name != "-m" && name != "--model" && !is_trtexec) continue;
    const bool apart = words[i] == name, together = !apart;
    if (apart && i + 1 == words.size()) break;  // report_unknown_option() tells
    const std::string model = together ? words[i].substr(words[i].find('=') + 1) : words[i + 1];
    const auto at = words.begin() + static_cast<std::ptrdiff_t>(i);
    words.erase(at, at + (together ? 1 : 2));
    words.insert(words.begin() + static_cast<std::ptrdiff_t>(place++), model);
  }
  return words;
}

std::vector<std::string> all_topics(std::vector<std::string> words) {
  if (!is_trtexec_verb(words)) return words;
  for (size_t i = 1; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] != "--verbose") continue;
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    if (!log_topic(next.substr(0, next.find(','))))
      words[i] += fmt::format("={}", fmt::join(log_topic_names(), ","));
  }
  return words;
}

bool wants_json(const std::vector<std::string>& words) {
  const bool is_bench = !words.empty() && words[0] == "bench";
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] == "--json") return true;
    const bool format = words[i] == "-o" || words[i] == "--format";
    if (is_bench && format && i + 1 < words.size() && words[i + 1] == "json") return true;
    if (is_bench && (words[i] == "-ojson" || words[i] == "--format=json")) return true;
  }
  return false;
}

bool report_bad_start(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) {
    report_usage("a verb is required", "see 'vitro --help'");
    return true;
  }
  const std::string& first = words[0];
  if (is_option(first)) {
    if (app.get_option_no_throw(first)) return false;
    report_usage(fmt::format("unknown option '{}' before the verb", first),
                 "options follow the verb: vitro VERB --option; see 'vitro --help'");
    return true;
  }
  if (verb_named(app, first)) return false;
  std::vector<std::string> verbs{"help"};
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string meant = nearest(first, verbs);
  report_usage(
      fmt::format("unknown verb '{}'", first),
      meant.empty() ? "see 'vitro --help'" : fmt::format("did you mean 'vitro {}'?", meant));
  return true;
}

bool report_bad_help(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) return false;
  const bool begins_with_option = is_option(words[0]);
  const bool names_verb = words[0] != "help" && !begins_with_option;
  if (names_verb && report_bad_start(app, words)) return true;
  const size_t wrong = begins_with_option ? 0 : 1;
  if (words.size() <= wrong) return false;
  report_usage(
      fmt::format("{} '{}' behind 'help', expected one verb",
                  is_option(words[wrong]) ? "unknown option" : "unexpected argument", words[wrong]),
      fmt::format("see 'vitro help{}'", names_verb ? " " + words[0] : ""));
  return true;
}

bool report_unknown_option(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* const verb = verb_named(app, words[0]);
  if (!verb) return false;
  for (size_t i = 1; i < words.size() && words[i] != "--"; ++i) {
    const std::string& word = words[i];
    if (!is_option(word) || (word[1] != '-' && !std::isalpha(static_cast<unsigned char>(word[1]))))
      continue;
    if (word == "-m" || word == "--model") {
      report_usage(fmt::format("{}: a value is missing, expected MODEL", word),
                   fmt::format("see 'vitro {} --help'", verb->get_name()));
      return true;
    }
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const bool is_long = name.starts_with("--");
    const CLI::Option* const option =
        is_long || name.size() == 2 ? verb->get_option_no_throw(name) : nullptr;
    if (option && equals != std::string::npos && option->get_items_expected_max() == 0) {
      report_usage(fmt::format("{} takes no value, got '{}'", name, word.substr(equals + 1)),
                   fmt::format("see 'vitro {} --help'", verb->get_name()));
      return true;
    }
    const bool misspelt = !is_long && (verb->get_option_no_throw("-" + name) != nullptr ||
                                       !foreign_option(name).empty());
    if (option || (!is_long && !misspelt && is_cluster(*verb, word))) continue;
    report_unexpected(*verb, word);
    return true;
  }
  return false;
}

bool report_empty_word(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* const verb = verb_named(app, words[0]);
  if (!verb) return false;
  for (size_t i = 1; i < words.size(); ++i) {
    const bool lacks_value = words[i].starts_with("--") && words[i].ends_with('=');
    if (!words[i].empty() && !lacks_value) continue;
    const std::string before = lacks_value ? words[i].substr(0, words[i].size() - 1) : words[i - 1];
    const CLI::Option* const option =
        is_option(before) ? verb->get_option_no_throw(before) : nullptr;
    report_usage(
        option && option->get_items_expected_max() > 0
            ? fmt::format("{}: got '', expected {}", before, option->get_option_text())
            : fmt::format("the argument behind '{}' is empty, expected a name", before),
        fmt::format("is a variable of the shell not set? See 'vitro {} --help'", verb->get_name()));
    return true;
  }
  return false;
}

namespace {

/// In our words what the library that parses the command line says in its own.
std::string parse_problem(const CLI::App* verb, const CLI::ParseError& error) {
  std::string line = error.what();
  line.erase(line.find_last_not_of(" \n") + 1);
  if (dynamic_cast<const CLI::ValidationError*>(&error) ||
      dynamic_cast<const CLI::RequiredError*>(&error) ||
      dynamic_cast<const CLI::RequiresError*>(&error))
    return line;
  if (const size_t at = line.find(" excludes "); at != std::string::npos)
    return fmt::format("{} and {} cannot be given together", line.substr(0, at),
                       line.substr(at + std::string_view(" excludes ").size()));
  const std::string name = line.substr(0, line.find(':'));
  const CLI::Option* const option = verb ? verb->get_option_no_throw(name) : nullptr;
  if (!option) return "the arguments do not fit together";
  if (option->count() > 1)
    return fmt::format("{}: given {} times, expected once", name, option->count());
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error))
    return fmt::format("{}: a value is missing, expected {}", name, option->get_option_text());
  return fmt::format("{}: the value cannot be used, expected {}", name, option->get_option_text());
}

}  // namespace

void report_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App* const verb = chosen.empty() ? nullptr : chosen.front();
  if (verb && dynamic_cast<const CLI::ExtrasError*>(&error)) {
    const std::vector<std::string> extras = app.remaining(true);
    if (!extras.empty()) return report_unexpected(*verb, extras.front());
  }
  const std::string problem = parse_problem(verb, error);
  report_usage(problem,
               problem.ends_with(" requires --tune")
                   ? "a plan is for any backend, device and number of threads, which are chosen "
                     "where it runs: 'vitro bench PLAN --backend cuda'"
                   : fmt::format("see 'vitro {}--help'", verb ? verb->get_name() + " " : ""));
}

}  // namespace vitro::cli
