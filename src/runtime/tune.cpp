#include "runtime/tune.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "backends/backend.h"
#include "core/aligned_memory.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "runtime/explain.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kNoOp = static_cast<size_t>(-1);

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// What all measurements of one call of tune() share.
struct Schedule {
  const TuneOptions& options;
  size_t settings_left;  ///< the one being measured included
  Clock::time_point start = Clock::now();
  int64_t runs = 0;

  double seconds_left() const {
    return options.stop() ? 0 : options.seconds - seconds_between(start, Clock::now());
  }
  /// `planned`: of the current setting, what is still to be run.
  void count_run(int64_t planned) {
    ++runs;
    const double elapsed = seconds_between(start, Clock::now());
    const double fitting = static_cast<double>(runs) * options.seconds / elapsed;
    const auto most = static_cast<double>(runs + planned * static_cast<int64_t>(settings_left));
    options.progress(runs, std::max(runs, static_cast<int64_t>(std::min(fitting, most))));
  }
};

/// The mean time of the steps of each op.
class OpTimer final : public RunObserver {
 public:
  OpTimer(const std::vector<size_t>& op_of_step, const std::vector<double>& steps_of_op)
      : microseconds(steps_of_op.size()), op_of_step_(op_of_step), steps_of_op_(steps_of_op) {}
  bool wants_outputs() const override { return false; }
  void before_step(size_t) override { begin_ = Clock::now(); }
  void after_step(size_t step, std::span<const std::byte* const>) override {
    const size_t op = op_of_step_[step];
    if (op == kNoOp) return;
    microseconds[op] += 1e6 * seconds_between(begin_, Clock::now()) / steps_of_op_[op];
  }

  std::vector<double> microseconds;

 private:
  const std::vector<size_t>& op_of_step_;
  const std::vector<double>& steps_of_op_;
  Clock::time_point begin_;
};

/// The plan at one shape, on a team of its own.
class ProgramBench final : public TuningBench {
 public:
  ProgramBench(const Plan& plan, const Backend& backend, const Dims& dims, int threads,
               Schedule& schedule)
      : plan_(plan),
        backend_(backend),
        input_type_{DType::Float32, dims},
        input_(dims),
        lane_(backend.make_lane({threads})),
        threads_(threads),
        schedule_(schedule),
        reserve_(schedule.seconds_left() * (1 - 1 / static_cast<double>(schedule.settings_left))) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> pixel(-2, 2);
    for (float& value : input_.as<float>()) value = pixel(random);
    find_ops(*compile({}));
  }

  std::span<const TunableOp> ops() const { return ops_; }

  void prepare(const std::vector<std::vector<size_t>>& programs, int rounds) override {
    contexts_.clear();
    programs_.clear();
    for (const std::vector<size_t>& program : programs) {
      TacticTable tactics;
      for (size_t op = 0; op < ops_.size(); ++op)
        tactics[ops_[op].key] = {ops_[op].candidates[program[op]], {}};
      programs_.push_back(compile(tactics));
      contexts_.push_back(programs_.back()->on(*lane_));
    }
    output_ = Tensor(programs_.at(0)->outputs()[0].dims);
    planned_ = static_cast<int64_t>(programs.size()) * rounds;
  }

  std::vector<double> run(size_t program) override {
    OpTimer timer(op_of_step_, steps_of_op_);
    contexts_[program]->run({&input_.view(), 1}, {&output_.view(), 1}, &timer);
    schedule_.count_run(--planned_);
    return std::move(timer.microseconds);
  }

  double seconds_left() override { return schedule_.seconds_left() - reserve_; }

 private:
  std::unique_ptr<Executable> compile(const TacticTable& tactics) const {
    const PlanData& data = Internals::data(plan_);
    return backend_.compile({data.graph, {&input_type_, 1}, *data.cache, threads_, &tactics});
  }

  /// Every op that ran as one step, in the order of the steps.
  void find_ops(const Executable& executable) {
    for (const Dispatch& dispatch : executable.dispatch()) {
      if (!dispatch.chosen) continue;
      if (dispatch.candidates.size() < 2) {
        op_of_step_.push_back(kNoOp);
        continue;
      }
      const auto alike = std::find_if(ops_.begin(), ops_.end(),
                                      [&](const TunableOp& op) { return op.key == dispatch.key; });
      op_of_step_.push_back(static_cast<size_t>(alike - ops_.begin()));
      if (alike == ops_.end()) {
        ops_.push_back({dispatch.key, {dispatch.candidates.begin(), dispatch.candidates.end()}});
        steps_of_op_.push_back(0);
      }
      ++steps_of_op_[op_of_step_.back()];
    }
  }

  const Plan& plan_;
  const Backend& backend_;
  TensorType input_type_;
  Tensor input_, output_;
  std::unique_ptr<Lane> lane_;
  int threads_;
  Schedule& schedule_;
  double reserve_;  // seconds of the schedule that belong to later benches
  std::vector<TunableOp> ops_;
  std::vector<size_t> op_of_step_;
  std::vector<double> steps_of_op_;
  std::vector<std::unique_ptr<Executable>> programs_;
  std::vector<std::unique_ptr<Context>> contexts_;  // of the programs
  int64_t planned_ = 0;
};

}  // namespace

Tactics tune(const Plan& plan, const TuneOptions& options) {
  const Backend& backend = find_backend(options.backend);
  Tactics tactics;
  Schedule schedule{options, options.threads.size() * options.batches.size()};
  for (int64_t batch : options.batches) {
    for (int threads : options.threads) {
      const int team = threads == 0 ? available_cores() : threads;
      ProgramBench bench(plan, backend, default_dims(Internals::data(plan).graph, batch), team,
                         schedule);
      const TacticTable table = choose_tactics(bench.ops(), bench);
      if (table.empty() && !bench.ops().empty() && !options.stop())
        log_warning("tuning: no time to measure anything for batch {} with threads: {}", batch,
                    team);
      merge_tactics(tactics, {{{backend.machine(), team}, table}});
      --schedule.settings_left;
    }
  }
  return tactics;
}

Plan with_tactics(const Plan& plan, Tactics tactics) {
  auto data = std::make_shared<PlanData>(Internals::data(plan));
  data->tactics = std::move(tactics);
  return Internals::plan(std::move(data));
}

}  // namespace vitro
