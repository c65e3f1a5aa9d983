#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <new>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/usage.h"
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

constexpr std::array<Verb, 9> kVerbs{{
    {"classify", "Say what is in images",
     "vitro classify model.plan photo.jpg other.png\n  curl -s URL | vitro classify model.plan -",
     add_classify},
    {"build", "Compile a checkpoint into a plan",
     "vitro build model.safetensors -o model.plan\n  "
     "vitro build model.plan -o tuned.plan --tune --tactics tactics.json",
     add_build},
    {"run", "Run a model on a raw tensor",
     "vitro run model.plan --input images.npy --output logits.npy", add_run},
    {"bench", "Measure latency and throughput",
     "vitro bench model.plan --batch 1,8 --size 224,288x352 --threads 2\n"
     "  vitro bench model.plan --batch 8 --hint throughput\n"
     "  vitro bench old.plan new.plan --compare",
     add_bench},
    {"profile", "Show where the time of a run goes",
     "vitro profile model.plan --group op\n  vitro profile model.plan --batch 8 --html report.html",
     add_profile},
    {"eval", "Measure accuracy on a folder of images",
     "vitro eval model.plan val/ --reference reference --min-top1 66.5", add_eval},
    {"compare", "Show how two models or backends differ, op by op",
     "vitro compare old.plan new.plan\n  vitro compare model.plan --backend-b reference "
     "--no-latency",
     add_compare},
    {"inspect", "Show what is in a model", "vitro inspect model.plan --weights", add_inspect},
    {"doctor", "Show what this machine offers", "vitro doctor", add_doctor},
}};

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
  if (report_bad_start(app, argc, argv) || report_single_dash(app, argc, argv)) return kUsageError;

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
  } catch (const CLI::ParseError& error) {
    report_usage_error(app, error);
    return kUsageError;
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
  // A reader that has gone away ends the program, but not before it has removed what it was
  // writing.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that would grow beyond the limit of the process is reported like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return cli::run(argc, argv);
  } catch (const cli::ReaderGone&) {
    return cli::kReaderGone;
  } catch (const vitro::Error& error) {
    cli::report_error(error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    cli::report_error("out of memory", "try a smaller batch or size");
  } catch (const std::exception& error) {
    cli::report_error(error.what());
  }
  return cli::kRuntimeError;
}
