#include "runtime/tune.h"

#include <algorithm>

#include "backends/backend.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "runtime/explain.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "runtime/tune_schedule.h"

namespace vitro {
namespace {

using Clock = TuneSchedule::Clock;

constexpr size_t kNoOp = static_cast<size_t>(-1);

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
    microseconds[op] +=
        1e6 * TuneSchedule::seconds_between(begin_, Clock::now()) / steps_of_op_[op];
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
               TuneSchedule& schedule)
      : plan_(plan),
        backend_(backend),
        input_type_{input_types(Internals::data(plan).graph).at(0).dtype, dims},
        input_(tuning_input(input_type_)),
        lane_(backend.make_lane({threads})),
        threads_(threads),
        schedule_(schedule),
        reserve_(schedule.reserve()) {
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
    // Keys name the precision, and sessions ask for the one that the default stands for.
    return backend_.compile({data.graph,
                             {&input_type_, 1},
                             *data.cache,
                             threads_,
                             &tactics,
                             backend_.precision(schedule_.options.precision)});
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
  TuneSchedule& schedule_;
  double reserve_;  // seconds of the schedule that belong to later benches
  std::vector<TunableOp> ops_;
  std::vector<size_t> op_of_step_;
  std::vector<double> steps_of_op_;
  std::vector<std::unique_ptr<Executable>> programs_;
  std::vector<std::unique_ptr<Context>> contexts_;  // of the programs
  int64_t planned_ = 0;
};

TacticTable tune_on_host(const Plan& plan, const Backend& backend, int64_t batch, int threads,
                         TuneSchedule& schedule) {
  ProgramBench bench(plan, backend, default_dims(Internals::data(plan).graph, batch), threads,
                     schedule);
  const TacticTable table = choose_tactics(bench.ops(), bench);
  if (table.empty() && !bench.ops().empty() && !schedule.options.stop())
    log_warning("tuning: no time to measure anything for batch {} with threads: {}", batch,
                threads);
  return table;
}

}  // namespace

Tactics tune(const Plan& plan, const TuneOptions& options) {
  const Backend& backend = find_backend(options.backend);
  const std::vector<int> threads = backend.uses_threads() ? options.threads : std::vector<int>{1};
  Tactics tactics;
  TuneSchedule schedule(options, threads.size() * options.batches.size());
  for (int64_t batch : options.batches) {
    for (int count : threads) {
      const int team = count == 0 ? available_cores() : count;
      merge_tactics(tactics,
                    {{tactic_setting(backend, team),
                      backend.uses_threads() ? tune_on_host(plan, backend, batch, team, schedule)
                                             : tune_on_device(plan, backend, batch, schedule)}});
      schedule.next_setting();
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
