#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <numeric>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "vitro/vitro.h"

namespace vitro::cli {
namespace {

/// A row of the table of verbs.
struct Verb {
  const char* name;
  const char* summary;
  const char* example;
  Action (*add)(CLI::App&);
};

constexpr std::array<Verb, 7> kVerbs{{
    {"classify", "Say what is in images",
     "vitro classify model.plan photo.jpg other.png\n  curl -s URL | vitro classify model.plan -",
     add_classify},
    {"build", "Compile a checkpoint into a plan", "vitro build model.safetensors -o model.plan",
     add_build},
    {"run", "Run a model on a raw tensor",
     "vitro run model.plan --input images.npy --output logits.npy", add_run},
    {"bench", "Measure latency and throughput",
     "vitro bench model.plan --batch 1,8 --size 224,288x352 --threads 2", add_bench},
    {"eval", "Measure accuracy on a folder of images",
     "vitro eval model.plan val/ --reference reference --min-top1 66.5", add_eval},
    {"inspect", "Show what is in a model", "vitro inspect model.plan --weights", add_inspect},
    {"doctor", "Show what this machine offers", "vitro doctor", add_doctor},
}};

bool is_verb(std::string_view given) {
  return std::any_of(kVerbs.begin(), kVerbs.end(), [&](auto& verb) { return given == verb.name; });
}

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

int report_unknown_verb(std::string_view given) {
  const auto nearest = std::min_element(kVerbs.begin(), kVerbs.end(), [&](auto& a, auto& b) {
    return edit_distance(given, a.name) < edit_distance(given, b.name);
  });
  const bool similar = edit_distance(given, nearest->name) <= 2;
  report_error(
      fmt::format("unknown verb '{}'", given),
      similar ? fmt::format("did you mean 'vitro {}'?", nearest->name) : "see 'vitro --help'");
  return kUsageError;
}

/// Names the verb's own help as what to read next.
int report_usage_error(const CLI::App& app, std::string_view message) {
  const auto chosen = app.get_subcommands();
  const std::string verb = chosen.empty() ? "" : chosen.front()->get_name() + " ";
  std::string line(message);
  line.erase(line.find_last_not_of(" \n") + 1);
  report_error(line, fmt::format("see 'vitro {}--help'", verb));
  return kUsageError;
}

int run(int argc, char** argv) {
  CLI::App app("Vitro classifies images with UniFormer and its relatives.", "vitro");
  const std::string version_text = std::string("vitro ") + version();
  app.set_version_flag("--version", version_text, "Print the version");
  app.require_subcommand(1);
  app.footer(
      "Example:\n  vitro classify model.safetensors photo.jpg\n\n'vitro VERB --help' says more.");
  app.formatter(make_help_formatter());  // inherited by the verbs

  std::map<const CLI::App*, Action> actions;
  for (const Verb& verb : kVerbs) {
    CLI::App* subcommand = app.add_subcommand(verb.name, verb.summary);
    subcommand->footer(fmt::format("Example:\n  {}", verb.example));
    actions[subcommand] = verb.add(*subcommand);
  }
  if (argc > 1 && argv[1][0] != '-' && !is_verb(argv[1])) return report_unknown_verb(argv[1]);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    write_stdout(app.help());
    flush_stdout();
    return kSuccess;
  } catch (const CLI::CallForVersion&) {
    print("{}\n", version_text);
    flush_stdout();
    return kSuccess;
  } catch (const CLI::RequiredError& error) {
    return report_usage_error(app, argc == 1 ? "a verb is required" : error.what());
  } catch (const CLI::ParseError& error) {
    return report_usage_error(app, error.what());
  }
  const int code = actions.at(app.get_subcommands().front())();
  flush_stdout();
  return code;
}

}  // namespace
}  // namespace vitro::cli

int main(int argc, char** argv) {
  namespace cli = vitro::cli;
  cli::reserve_standard_streams();
  // A reader that has gone away is reported like a full disk, not by ending silently.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return cli::run(argc, argv);
  } catch (const vitro::Error& error) {
    cli::report_error(error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    cli::report_error("out of memory", "try a smaller batch or size");
  } catch (const std::exception& error) {
    cli::report_error(error.what());
  }
  return cli::kRuntimeError;
}
