#include "runtime/profile.h"

#include <algorithm>

#include "core/check.h"
#include "runtime/internals.h"
#include "runtime/profile_collector.h"
#include "runtime/profile_device.h"

namespace vitro {
namespace {

constexpr int kWarmUpRuns = 3;

/// Notes when steps begin and end; the team does the rest.
class Recorder final : public RunObserver {
 public:
  Recorder(size_t steps, int threads, size_t capacity)
      : steps_(steps), timeline_(threads, capacity) {}
  void before_step(size_t step) override {
    timeline_.begin_step(step);
    steps_[step].begin_ns = Timeline::now_ns();
  }
  void after_step(size_t step, std::span<const std::byte* const>) override {
    steps_[step].end_ns = Timeline::now_ns();
  }
  bool wants_outputs() const override { return false; }
  Timeline* timeline() override { return &timeline_; }

  RunTrace trace(int64_t begin_ns, int64_t end_ns) const {
    check(timeline_.lost() == 0, ErrorCode::Internal,
          "profile: {} marks found no room in a timeline of {}", timeline_.lost(),
          timeline_.capacity());
    RunTrace trace{begin_ns, end_ns, steps_, {}};
    for (int thread = 0; thread < timeline_.threads(); ++thread) {
      const auto marks = timeline_.marks(thread);
      trace.marks.emplace_back(marks.begin(), marks.end());
    }
    return trace;
  }

 private:
  std::vector<StepSpan> steps_;
  Timeline timeline_;
};

/// How many sections of one step are being worked on at an instant, and the time they get.
class StepSweep {
 public:
  StepSweep(const StepInfo& step, int threads)
      : times_(step.sections.size()), busy_(step.sections.size()), threads_(threads) {}

  /// An interval in which nothing changes.
  void advance(double ms) {
    if (num_busy_ == 0) {
      unclaimed_ += ms;
      return;
    }
    for (size_t i = 0; i < busy_.size(); ++i) {
      const double share = ms * busy_[i] / num_busy_;
      times_[i].ms += share;
      times_[i].waiting_ms += share * (threads_ - num_busy_) / threads_;
    }
  }
  /// A thread goes from one section to another; either may be Timeline::kIdle.
  void change(int from, int to) {
    count_thread(from, -1);
    count_thread(to, 1);
  }
  /// While no thread was at work, all of them waited for the sections there are.
  std::vector<SectionTime> finish() {
    double total = 0;
    for (const SectionTime& time : times_) total += time.ms;
    if (total == 0) {
      times_[0] = {unclaimed_, unclaimed_ * (threads_ - 1) / threads_};
    } else {
      for (SectionTime& time : times_) {
        const double share = unclaimed_ * time.ms / total;
        time.ms += share;
        time.waiting_ms += share;
      }
    }
    return std::move(times_);
  }

 private:
  void count_thread(int section, int change) {
    if (section == Timeline::kIdle) return;
    busy_.at(static_cast<size_t>(section)) += change;
    num_busy_ += change;
  }

  std::vector<SectionTime> times_;
  std::vector<int> busy_;  // threads, by section
  int num_busy_ = 0;
  int threads_;
  double unclaimed_ = 0;
};

struct Event {
  Timeline::Mark mark;
  size_t thread;
};

std::vector<Event> merge_marks(const RunTrace& trace) {
  std::vector<Event> events;
  for (size_t thread = 0; thread < trace.marks.size(); ++thread)
    for (const Timeline::Mark& mark : trace.marks[thread]) events.push_back({mark, thread});
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::pair(a.mark.step, a.mark.ns) < std::pair(b.mark.step, b.mark.ns);
  });
  return events;
}

std::vector<TensorView> views_of(std::span<const Tensor> tensors) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

/// Runs one session on the same inputs, over and over.
class Runner {
 public:
  Runner(const Session& session, std::span<const Tensor> inputs, const Executable& program)
      : session_(session), inputs_(views_of(inputs)) {
    for (const TensorType& type : program.outputs()) results_.emplace_back(type.dtype, type.dims);
    outputs_ = views_of(results_);
  }

  /// Begin and end.
  std::pair<int64_t, int64_t> run(RunObserver* observer) {
    const int64_t begin = Timeline::now_ns();
    Internals::engine(session_).run(inputs_, outputs_, {}, observer);
    return {begin, Timeline::now_ns()};
  }
  double plain_ms() {
    const auto [begin, end] = run(nullptr);
    return static_cast<double>(end - begin) * 1e-6;
  }

 private:
  const Session& session_;
  std::vector<Tensor> results_;
  std::vector<TensorView> inputs_, outputs_;
};

}  // namespace

std::vector<std::vector<SectionTime>> attribute(const RunTrace& trace,
                                                std::span<const StepInfo> steps) {
  const std::vector<Event> events = merge_marks(trace);
  const auto threads = static_cast<int>(trace.marks.size());
  std::vector<std::vector<SectionTime>> times;
  auto event = events.begin();
  for (size_t s = 0; s < steps.size(); ++s) {
    StepSweep sweep(steps[s], threads);
    std::vector<int> current(trace.marks.size(), Timeline::kIdle);
    int64_t now = trace.steps[s].begin_ns;
    const auto advance_to = [&](int64_t ns) {
      const int64_t until = std::clamp(ns, now, std::max(now, trace.steps[s].end_ns));
      sweep.advance(static_cast<double>(until - now) * 1e-6);
      now = until;
    };
    for (; event != events.end() && event->mark.step == static_cast<int32_t>(s); ++event) {
      advance_to(event->mark.ns);
      sweep.change(current[event->thread], event->mark.section);
      current[event->thread] = event->mark.section;
    }
    advance_to(trace.steps[s].end_ns);
    times.push_back(sweep.finish());
  }
  return times;
}

Profile profile(const Session& session, std::span<const Tensor> inputs,
                const ProfileOptions& options) {
  if (auto result = profile_on_device(session, views_of(inputs), options))
    return *std::move(result);
  const auto program = Internals::engine(session).program(views_of(inputs));
  Runner runner(session, inputs, *program);
  double run_ms = 0;
  for (int i = 0; i < kWarmUpRuns; ++i) run_ms = runner.plain_ms();
  // A thread makes at most the marks that all of them made together, whoever takes which work.
  Recorder counter(program->steps().size(), program->threads(), 0);
  runner.run(&counter);
  Recorder recorder(program->steps().size(), program->threads(), counter.timeline()->lost());

  ProfileCollector collector(program);
  const int64_t total = affordable_runs(options, 2 * run_ms);
  for (int64_t i = 0; i < total; ++i) {
    recorder.timeline()->clear();
    // In turns, and in turns first: what the analysis below left in the caches disturbs both alike.
    double plain_ms = i % 2 == 0 ? runner.plain_ms() : 0;
    const auto [begin, end] = runner.run(&recorder);
    if (i % 2 == 1) plain_ms = runner.plain_ms();
    collector.add(recorder.trace(begin, end), plain_ms);
    if (options.progress) options.progress(i + 1, total);
  }
  return collector.profile();
}

}  // namespace vitro
