#include "cli/tuning.h"
#include "cli/model.h"
#include "runtime/internals.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "runtime/plan_data.h"
#include "runtime/tune.h"

namespace vitro::cli {
namespace {

/// Nothing after an interruption, unless that is to be kept.
std::optional<Tactics> measured(const Plan& plan, const TuningOptions& options, bool quiet) {
  const InterruptGuard guard;
  for (int threads : options.threads)
    for (int64_t batch : options.batches)
      prepare_checked(Session(plan, {.backend = options.backend,
                                     .threads = threads,
                                     .precision = options.precision,
                                     .device = options.device}),
                      std::vector<Dims>{input_dims(plan, batch, std::nullopt)});
  Progress progress("tune", "runs", 1, quiet);
  TuneOptions tune_options;
  tune_options.backend = options.backend;
  tune_options.device = options.device;
  tune_options.precision = options.precision;
  tune_options.threads = options.threads;
  tune_options.batches = options.batches;
  tune_options.seconds = options.seconds;
  tune_options.stop = was_interrupted;
  tune_options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  Tactics tactics = tune(plan, tune_options);
  progress.clear();
  if (was_interrupted() && !options.keep_partial) return std::nullopt;
  if (was_interrupted())
    log_warning("tuning was interrupted: what was not confirmed runs as usual");
  return tactics;
}

}  // namespace

void add_tuning_options(CLI::App& verb, TuningOptions& options) {
  auto* tune = verb.add_flag("--tune", options.tune,
                             "Measure here which implementation of each op is the fastest")
                   ->group(kExecutionGroup);
  verb.add_option("--backend", options.backend, "What to tune for; default: auto")
      ->option_text(backend_names_text())
      ->check(backend_name())
      ->needs(tune)
      ->group(kExecutionGroup);
  add_device_option(verb, options.device);
  add_precision_flags(verb, options.precision);
  verb.add_option("-t,--threads", options.threads,
                  "Numbers of threads to tune for; default: one for each core")
      ->option_text("N,...")
      ->delimiter(',')
      ->check(thread_count())
      ->needs(tune)
      ->group(kExecutionGroup);
  verb.add_option("-b,--tune-batch,--batch,--batch-size", options.batches,
                  "Batches to tune for: 1,8; default: 1")
      ->option_text("N,...")
      ->delimiter(',')
      ->check(positive_integer())
      ->needs(tune)
      ->group(kExecutionGroup);
  verb.add_option("--time-budget", options.seconds, "Seconds of tuning at most; default: 20")
      ->option_text("SECONDS")
      ->check(number_between(0.1, 86400))
      ->needs(tune)
      ->group(kExecutionGroup);
  verb.add_flag("--keep-partial", options.keep_partial,
                "After Ctrl-C, write the plan with what was confirmed until then; default: write "
                "nothing and exit with 130")
      ->needs(tune)
      ->group(kExecutionGroup);
  verb.add_option("--tactics", options.file,
                  "File of measured choices: written with --tune, else read; the same file gives "
                  "the same plan")
      ->option_text("FILE")
      ->group(kExecutionGroup);
}

std::optional<Plan> tuned(const Plan& plan, const TuningOptions& options, bool quiet) {
  if (!options.tune && (options.precision != Precision::Default || options.device != 0))
    fail_hint(ErrorCode::InvalidArgument, "a plan runs in any precision: give it to 'vitro bench'",
              "--{} is for --tune",
              options.precision == Precision::Default ? "device" : to_string(options.precision));
  Tactics tactics;
  // Files are read and opened before measuring: a bad one should not cost the time.
  if (!options.file.empty() && (!options.tune || std::filesystem::exists(options.file)))
    tactics = load_tactics(options.file);
  if (options.tune) {
    std::optional<AtomicFile> file;
    if (!options.file.empty()) file.emplace(options.file);
    const auto found = measured(plan, options, quiet);
    if (!found) return std::nullopt;
    merge_tactics(tactics, *found);
    if (file) {
      file->write(tactics_to_json(tactics, 1) + "\n");
      file->commit();
    }
  }
  Tactics all = Internals::data(plan).tactics;
  merge_tactics(all, tactics);
  return with_tactics(plan, std::move(all));
}

}  // namespace vitro::cli
