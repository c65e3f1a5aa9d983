#include <CLI/CLI.hpp>
#include <algorithm>
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

constexpr std::array<Verb, 12> kVerbs{{
    {"classify", "Say what is in images",
     "vitro classify model.plan photo.jpg other.png\n  curl -s URL | vitro classify model.plan -",
     add_classify},
    {"build", "Compile a checkpoint or ONNX model into a plan",
     "vitro build model.safetensors -o model.plan\n  "
     "vitro build m.pth -o m.plan --int8 --calib=m.calib --max-drop 0.3 --eval val\n  "
     "vitro build model.plan -o tuned.plan --tune --tactics tactics.json",
     add_build},
    {"calibrate", "Measure on pictures what 8 bits of a model must hold",
     "vitro calibrate --sample 1000 train/ --eval val/ -o images.txt\n"
     "  vitro calibrate model.safetensors images.txt -o model.calib",
     add_calibrate},
    {"run", "Run a model on raw tensors",
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
    {"optimize", "Write an improved ONNX model from an ONNX model",
     "vitro optimize model.onnx -o better.onnx --opset 20", add_optimize},
    {"export", "Write a checkpoint or plan as an ONNX model",
     "vitro export model.safetensors -o model.onnx", add_export},
    {"doctor", "Show what this machine offers", "vitro doctor", add_doctor},
}};

constexpr const char* kFooter =
    "Example:\n  vitro classify model.safetensors photo.jpg\n"
    "  vitro build model.onnx -o model.plan\n\n"
    "Exit codes:\n"
    "  0    done\n"
    "  1    a file, the machine or the model did not allow it\n"
    "  2    the command line is wrong\n"
    "  3    a gate failed, or a machine was too noisy for a ratio\n"
    "  130  interrupted (Ctrl-C, SIGTERM)\n"
    "  141  who read standard output went away\n\n"
    "'vitro help VERB' and 'vitro VERB --help' say more.";

/// `vitro help` and `vitro help VERB`, with the words behind "help".
int show_help(const CLI::App& app, std::vector<std::string> words) {
  std::erase_if(words, [](const std::string& word) { return word == "--help" || word == "-h"; });
  if (report_bad_help(app, words)) return kUsageError;
  const bool names_verb = !words.empty() && words[0] != "help";
  write_stdout(names_verb ? app.get_subcommand(words[0])->help() : app.help());
  flush_stdout();
  return kSuccess;
}

int run(std::vector<std::string> words) {
  CLI::App app("Vitro compiles and runs vision models: UniFormer, its relatives, and ONNX models.",
               "vitro");
  const std::string version_text = std::string("vitro ") + version();
  app.set_version_flag("-v,--version", version_text, "Print the version");
  app.require_subcommand(1);
  app.footer(kFooter);
  app.formatter(make_help_formatter());  // inherited by the verbs

  std::map<const CLI::App*, Action> actions;
  for (const Verb& verb : kVerbs) {
    CLI::App* subcommand = app.add_subcommand(verb.name, verb.summary);
    subcommand->footer(fmt::format("Example:\n  {}", verb.example));
    actions[subcommand] = verb.add(*subcommand);
  }
  if (!words.empty() && words[0] == "help") return show_help(app, {words.begin() + 1, words.end()});
  if (report_bad_start(app, words)) return kUsageError;
  words = all_topics(model_as_argument(std::move(words)));
  if (report_unknown_option(app, words) || report_empty_word(app, words)) return kUsageError;

  try {
    std::reverse(words.begin(), words.end());  // as the parser takes them
    app.parse(std::move(words));
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

/// The exit code of run(), whatever that throws.
int run_reporting(const std::vector<std::string>& words) {
  try {
    return run(words);
  } catch (const Error& error) {
    report_error(error.what(), error.hint(), error_code_name(error.code()));
  } catch (const std::bad_alloc&) {
    report_error("out of memory", "try a smaller batch or size",
                 error_code_name(ErrorCode::OutOfMemory));
  } catch (const std::exception& error) {
    report_error(error.what(), "this is a bug in Vitro: please report it",
                 error_code_name(ErrorCode::Internal));
  }
  return kRuntimeError;
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
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const int code = cli::run_reporting(words);
    if (code == cli::kSuccess || !cli::wants_json(words)) return code;
    cli::print_error_json();
    cli::flush_stdout();
    return code;
  } catch (const cli::ReaderGone&) {
    return cli::kReaderGone;
  } catch (const vitro::Error&) {
    return cli::kRuntimeError;  // standard output takes nothing; the first error was told
  }
}
