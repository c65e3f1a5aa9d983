#include <CLI/CLI.hpp>
#include <chrono>
#include <exception>
#include <new>

#include "backends/backend.h"
#include "cli/bench/options.h"
#include "cli/bench/report.h"
#include "cli/bench/target.h"
#include "cli/bench/trtexec.h"
#include "cli/layers.h"
#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/output.h"
#include "cli/profile/exports.h"
#include "cli/profile/table.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "measure/interleave.h"

namespace vitro::cli {
namespace {

double images_per_s(const Measurement& measurement, int64_t batch) {
  return static_cast<double>(batch) * static_cast<double>(measurement.runs.size()) /
         measurement.seconds;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options), cases_(sweep(options)) {}

  std::vector<BenchRow> rows() {
    if (options_.compare) return compared();
    std::vector<BenchRow> rows;
    for (const BenchCase& asked : cases_)
      rows.push_back(attempt(asked, [&](BenchRow& row) { measure_row(row); }));
    return rows;
  }

  /// Writes what else is to be known of the only row; the files may be null.
  void look_into(const BenchRow& row, AtomicFile* profiled, AtomicFile* layers) {
    const Plan& plan = plan_of(row.asked);
    const Session session(plan, session_options(row.asked, row.setup));
    const std::vector<Dims> dims = run_dims(plan, row.asked.at(row.setup.batch));
    if (layers) {
      layers->write(json_text(layers_json(session, dims)));
      layers->commit();
    }
    if (!profiled && !options_.dump_profile) return;
    const ProfileReport report =
        measured_profile(row.asked.model, session, dims, 0, options_.quiet);
    if (options_.dump_profile) write_stdout(profile_table(report, ProfileGroup::Module, 0));
    if (!profiled) return;
    profiled->write(json_text(trtexec_profile(report)));
    profiled->commit();
  }

 private:
  using Work = std::function<void(BenchRow&)>;

  /// The plan of a model and its weights, which stays open until another one is asked for. A model
  /// that cannot be opened is tried again for pictures of another size alone.
  const Plan& plan_of(const BenchCase& asked) {
    const bool other_size = failure_ && asked.size != size_;
    if (asked.model != options_.model || asked.weights != weights_ || other_size) {
      options_.model = asked.model;
      options_.build.weights = weights_of(asked.weights);
      weights_ = asked.weights;
      size_ = asked.size;
      plan_.reset();
      failure_ = nullptr;
      try {
        plan_.emplace(open_model(options_, asked.at(asked.batch)));
        if (!options_.save_engine.empty()) save(*plan_, options_.save_engine);
        const char* weights = weights_name(*plan_);
        check(weights_.empty() || weights_ == weights, ErrorCode::InvalidArgument,
              "plan '{}' has weights in {}, expected {}", asked.model, weights, weights_);
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
    if (failure_) std::rethrow_exception(failure_);
    return *plan_;
  }

  /// The row that `work` fills; its error, which is also reported, when that throws.
  BenchRow attempt(const BenchCase& asked, const Work& work) {
    BenchRow row;
    row.asked = asked;
    row.backend = asked.backend;
    row.precision = asked.precision;
    row.weights = asked.weights;
    row.setup = {options_.streams.value_or(1), asked.threads / options_.streams.value_or(1),
                 asked.batch};
    std::string hint;
    ErrorCode code = ErrorCode::OutOfMemory;
    try {
      work(row);
    } catch (const Error& error) {
      row.error = error.what();
      hint = error.hint();
      code = error.code();
    } catch (const std::bad_alloc&) {
      row.error = "out of memory";
    }
    // What keeps a model from opening is the same for all its cases.
    if (!row.error.empty() && row.error != last_error_) {
      const std::string which =
          cases_.size() == 1 ? ""
                             : fmt::format("{}, backend {}, {}, batch {}: ", asked.model,
                                           asked.backend, threads_text(asked.threads), asked.batch);
      report_error(which + row.error, hint, error_code_name(code));
      last_error_ = row.error;
    }
    return row;
  }

  Target prepare(BenchRow& row) {
    const Plan& plan = plan_of(row.asked);
    row.weights = weights_name(plan);
    const std::vector<Dims> dims = run_dims(plan, row.asked.at(row.asked.batch));
    row.shape = dims.at(0);
    if (!row.asked.shapes.empty() && !row.shape.empty())
      row.asked.batch = row.setup.batch = row.shape[0];
    if (options_.hint == BenchHint::Throughput) row.setup = find_setup(plan, row.asked);
    Target target(plan, row.asked, row.setup);
    row.backend = target.session().backend();
    row.precision = precision_name(target.session());
    row.isa = find_backend(row.backend).instruction_set();
    row.fallback = fallback_use(target.session(), dims);
    return target;
  }

  void measure_row(BenchRow& row) {
    Target target = prepare(row);
    Progress progress("bench", "runs", options_.timing.warmup + options_.timing.iterations,
                      options_.quiet);
    Measurement measurement = measure(
        row.setup.streams, [&](int stream) { target.run(stream); }, options_.timing,
        [&](int64_t done, int64_t expected) { progress.update(done, expected); });
    row.images_per_s = images_per_s(measurement, row.setup.batch);
    row.busy_elsewhere = measurement.busy_elsewhere;
    row.iterations = static_cast<int64_t>(measurement.runs.size());
    std::vector<double> milliseconds;
    for (const RunSpan& run : measurement.runs) milliseconds.push_back(run.end - run.begin);
    row.ms = summarize(milliseconds);
    row.runs = std::move(measurement.runs);
    row.device = target.time_device();
  }

  StreamSetup find_setup(const Plan& plan, const BenchCase& asked) const {
    constexpr double kTrialSeconds = 0.25;
    std::vector<StreamSetup> setups = throughput_setups(asked.threads, asked.batch);
    std::erase_if(setups, [](const StreamSetup& setup) { return setup.streams > most_streams(); });
    if (setups.size() == 1) return setups.front();
    Progress progress("bench", "trials", 2 * static_cast<int64_t>(setups.size()), options_.quiet);
    int64_t done = 0;
    return fastest_setup(setups, [&](const StreamSetup& setup) {
      progress.update(++done);
      try {
        Target target(plan, asked, setup);
        const Measurement trial =
            measure(setup.streams, [&](int stream) { target.run(stream); },
                    {.warmup = 1, .iterations = setup.streams, .duration = kTrialSeconds});
        return images_per_s(trial, setup.batch);
      } catch (const Error&) {
        return 0.0;  // too much memory, say; when nothing works, measuring tells why
      }
    });
  }

  std::vector<BenchRow> compared() {
    std::vector<std::unique_ptr<Target>> targets;
    std::vector<BenchRow> rows;
    for (const BenchCase& asked : cases_)
      rows.push_back(attempt(asked, [&](BenchRow& row) {
        targets.push_back(std::make_unique<Target>(prepare(row)));
      }));
    if (targets.size() == 2) {
      interleave(rows, *targets[0], *targets[1]);
      return rows;
    }
    for (BenchRow& row : rows)
      if (row.error.empty()) row = attempt(row.asked, [&](BenchRow& again) { measure_row(again); });
    return rows;
  }

  void interleave(std::vector<BenchRow>& rows, Target& a, Target& b) const {
    // An untimed run first: it brings back the caches and lets the threads of the other fall
    // asleep.
    const auto timed = [](Target& target) {
      return [&target] {
        target.run(0);
        const auto start = std::chrono::steady_clock::now();
        target.run(0);
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count();
      };
    };
    const InterleavedResult result = interleaved(timed(a), timed(b),
                                                 {.warmup = options_.timing.warmup,
                                                  .rounds = options_.timing.iterations,
                                                  .duration = options_.timing.duration});
    rows[0].ms = result.a;
    rows[1].ms = result.b;
    for (BenchRow& row : rows) {
      row.images_per_s = 1000 * static_cast<double>(row.setup.batch) / row.ms.mean;
      row.iterations = result.rounds;
      row.busy_elsewhere = result.busy_elsewhere;
    }
    const double scale =  // to times of one image
        static_cast<double>(rows[1].setup.batch) / static_cast<double>(rows[0].setup.batch);
    rows[1].ratio = BenchRatio{result.ratio * scale,
                               {result.interval.low * scale, result.interval.high * scale},
                               result.noisy};
  }

  BenchOptions options_;
  std::vector<BenchCase> cases_;
  std::string weights_;       ///< of the open plan, as asked for
  std::optional<Size> size_;  ///< it was opened for
  std::optional<Plan> plan_;
  std::exception_ptr failure_;
  std::string last_error_;
};

/// A file that is checked now and written at the end.
std::unique_ptr<AtomicFile> open_output(const std::string& path, const BenchOptions& options) {
  if (path.empty()) return nullptr;
  check_output(path, options.models);
  return std::make_unique<AtomicFile>(path);
}

BenchFormat report_format(const std::string& path) {
  if (path.ends_with(".json")) return BenchFormat::JsonText;
  return path.ends_with(".csv") ? BenchFormat::Csv : BenchFormat::Markdown;
}

/// Says why the rows should not be trusted, and returns the exit code.
int verdict(const std::vector<BenchRow>& rows) {
  int code = kSuccess;
  double busy = 0;
  for (const BenchRow& row : rows) {
    busy = std::max(busy, row.busy_elsewhere.value_or(0));
    if (!row.error.empty()) code = kRuntimeError;
    if (code != kSuccess || !row.ratio || row.ratio->noisy.empty()) continue;
    report_error("no ratio: " + row.ratio->noisy,
                 "stop what else runs on this machine, or measure longer with --duration",
                 kGateCode);
    code = kGateFailed;
  }
  if (busy > NoiseLimits{}.busy_elsewhere && code != kGateFailed)
    log_warning(
        "others used up to {:.0f} % of the cores: these times are too long by an unknown amount",
        100 * busy);
  return code;
}

int run_bench(const BenchOptions& options) {
  const auto report = open_output(options.report, options);
  const auto times = open_output(options.export_times, options);
  const auto profiled = open_output(options.export_profile, options);
  const auto layers = open_output(options.export_layers, options);
  if (!options.save_engine.empty()) check_output(options.save_engine, options.models);
  const BenchMachine machine = this_machine();
  Bench bench(options);
  const std::vector<BenchRow> rows = bench.rows();
  write_stdout(bench_text(rows, machine, options.format));
  if (report) {
    report->write(bench_text(rows, machine, report_format(options.report)));
    report->commit();
  }
  if (times && rows.front().error.empty()) {
    times->write(trtexec_times(rows.front().runs));
    times->commit();
  }
  if (rows.front().error.empty() && (profiled || layers || options.dump_profile))
    bench.look_into(rows.front(), profiled.get(), layers.get());
  return verdict(rows);
}

}  // namespace

Action add_bench(CLI::App& verb) {
  auto options = std::make_shared<BenchOptions>();
  add_bench_options(verb, options);
  return [options] { return run_bench(*options); };
}

}  // namespace vitro::cli
