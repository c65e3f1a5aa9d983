#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace vitro::cli {

/// Exit codes of the program; documented in docs/cli.md and `vitro --help`.
enum ExitCode : int {
  kSuccess = 0,
  kRuntimeError = 1,
  kUsageError = 2,
  kGateFailed = 3,
  kInterrupted =
      130,  ///< 128 + SIGINT, which is what shells say of programs that it ends; SIGTERM too
  kReaderGone = 141,  ///< 128 + SIGPIPE, which is what shells say of programs that it ends
};

/// What a verb does once the command line has been parsed; returns the exit code.
using Action = std::function<int()>;

/// Each declares the options of its verb on `verb` and returns its action, which owns their values.
Action add_bench(CLI::App& verb);
Action add_build(CLI::App& verb);
Action add_calibrate(CLI::App& verb);
Action add_classify(CLI::App& verb);
Action add_compare(CLI::App& verb);
Action add_doctor(CLI::App& verb);
Action add_eval(CLI::App& verb);
Action add_export(CLI::App& verb);
Action add_inspect(CLI::App& verb);
Action add_optimize(CLI::App& verb);
Action add_profile(CLI::App& verb);
Action add_run(CLI::App& verb);

}  // namespace vitro::cli
